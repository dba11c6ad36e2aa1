"""Strokes to pixels: each shape is masked at twice the size, textured, rounded by shading and laid down."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from indexer.samples.canvas import Fill, Line, Points
from indexer.samples.textures import Field, Rgb, Weave, albedo, gloss, grain, look_up, swells

Window = tuple[int, int, int, int]  # left, top, right, bottom
_FOLDS = {"plain": 0.055, "denim": 0.05, "leather": 0.06, "quilted": 0.02, "knitted": 0.04}


@dataclass(frozen=True)
class Pose:
    """Where an item stands: pixel = matrix @ point + offset; ``pixels`` is the length of one unit."""

    matrix: Points
    offset: Points
    pixels: float

    def place(self, points: Points) -> Points:
        """Unit-square points in pixels."""
        return points @ self.matrix.T + self.offset

    def grid(self, window: Window) -> tuple[Field, Field]:
        """The unit-square position of every pixel of a window."""
        left, top, right, bottom = window
        (a, b), (c, d) = self.matrix.tolist()
        inverse = np.asarray([[d, -b], [-c, a]], dtype=np.float32) / np.float32(a * d - b * c)
        x = (np.arange(left, right) + 0.5 - self.offset[0]).astype(np.float32)[None, :]
        y = (np.arange(top, bottom) + 0.5 - self.offset[1]).astype(np.float32)[:, None]
        return inverse[0, 0] * x + inverse[0, 1] * y, inverse[1, 0] * x + inverse[1, 1] * y


@dataclass(frozen=True)
class Paints:
    """An item's finish and the flat paints beside it."""

    cloth: Weave
    flat: dict[str, Rgb]
    stiff: bool  # no folds: a case, a mug


@dataclass
class Sheet:
    """The picture being painted, shape (h, w, 3), and the visible part of the current item's own finish."""

    pixels: Field
    region: Field

    def window(self, points: Points, margin: float) -> Window:
        """The smallest window around the points, clipped to the picture."""
        height, width = self.region.shape
        (low_x, low_y), (high_x, high_y) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        left, top = min(max(int(low_x - margin), 0), width - 1), min(max(int(low_y - margin), 0), height - 1)
        right, bottom = min(math.ceil(high_x + margin), width), min(math.ceil(high_y + margin), height)
        return left, top, max(left + 1, right), max(top + 1, bottom)


def paint_item(sheet: Sheet, strokes: Sequence[Fill | Line], pose: Pose, paints: Paints, rng: random.Random) -> None:
    """Paint one item with its shadow; its region is left in ``sheet.region``."""
    _shadow(sheet, strokes, pose, rng)
    sheet.region[:] = 0
    light = np.asarray([rng.uniform(-1.0, -0.4) * rng.choice((1, -1)), -1.0])
    fold = (rng.random() * 9, rng.random() * 9)
    for like, alike in groupby(strokes, key=_brush):
        if like is None:
            for fill in alike:
                _fill(sheet, cast(Fill, fill), pose, paints, light, fold)
        else:
            _lines(sheet, cast("list[Line]", list(alike)), pose, paints)


def _brush(stroke: Fill | Line) -> tuple[str, float, bool] | None:
    """What lines that can be drawn at once have in common; None for a fill."""
    return None if isinstance(stroke, Fill) else (stroke.paint, stroke.width, stroke.dashed)


def _mask(polygon: Points, window: Window) -> Image.Image:
    """The polygon in a window, drawn at twice the size and halved."""
    left, top, right, bottom = window
    image = Image.new("L", (2 * (right - left), 2 * (bottom - top)))
    ImageDraw.Draw(image).polygon(((polygon - (left, top)) * 2 - 0.5).ravel().tolist(), fill=255)
    return image.reduce(2)


def _unit(image: Image.Image) -> Field:
    return np.asarray(image, dtype=np.float32) * np.float32(1 / 255)


def _shadow(sheet: Sheet, strokes: Sequence[Fill | Line], pose: Pose, rng: random.Random) -> None:
    soft = rng.uniform(0.015, 0.05) * pose.pixels
    fall = np.asarray([rng.uniform(-0.03, 0.05), rng.uniform(0.01, 0.05)]) * pose.pixels
    shapes = [pose.place(stroke.outline) + fall for stroke in strokes if isinstance(stroke, Fill)]
    left, top, right, bottom = sheet.window(np.concatenate(shapes), 3 * soft)
    half = Image.new("L", ((right - left + 1) // 2, (bottom - top + 1) // 2))
    draw = ImageDraw.Draw(half)
    for shape in shapes:
        draw.polygon(((shape - (left, top)) / 2).ravel().tolist(), fill=255)
    half = half.filter(ImageFilter.BoxBlur(soft / 2)).filter(ImageFilter.BoxBlur(soft / 2))
    shade = _unit(half.resize((right - left, bottom - top), Image.Resampling.BILINEAR))
    sheet.pixels[top:bottom, left:right] *= (1 - np.float32(rng.uniform(0.25, 0.5)) * shade)[..., None]


def _fill(sheet: Sheet, stroke: Fill, pose: Pose, paints: Paints, light: Points, fold: tuple[float, float]) -> None:
    outline = pose.place(stroke.outline)
    radius = max(1.5, 0.03 * pose.pixels)
    window = sheet.window(outline, 1 + (0.02 * pose.pixels if paints.cloth.finish == "fluffy" else 0))
    image = _mask(outline, window)
    mask, (u, v) = _unit(image), pose.grid(window)
    own = stroke.paint in ("body", "trim")
    if own and paints.cloth.finish == "fluffy":
        hair = look_up(grain(40), u * 0.8, v * 0.3, pose.pixels)
        mask = np.clip((_unit(image.filter(ImageFilter.BoxBlur(0.012 * pose.pixels))) - 0.42 + 0.16 * hair) * 3, 0, 1)
    if stroke.paint == "body":
        cos, sin = np.float32(np.cos(np.radians(stroke.grain))), np.float32(np.sin(np.radians(stroke.grain)))
        colour = albedo(paints.cloth, cos * u - sin * v, sin * u + cos * v)
    else:
        colour = np.broadcast_to(np.asarray(paints.flat[stroke.paint], dtype=np.float32), (*mask.shape, 3))
    shade = np.full(mask.shape, stroke.shade, dtype=np.float32)
    shine: Field | None = None
    if stroke.volume and stroke.paint not in ("seam", "inside"):
        rounding, lit = _rounding(image, radius, light)
        shade *= 1 + stroke.volume * (0.30 * (rounding - 1) + 0.30 * lit)
        if own and not paints.stiff:
            depth = _FOLDS.get(paints.cloth.finish, 0.045)
            shade *= 1 + depth * look_up(swells(41), u * 1.3 + fold[0], v * 0.7 + fold[1], 190)
        if own and gloss(paints.cloth.finish):
            shine = gloss(paints.cloth.finish) * _shine(u + fold[0], v + fold[1], lit)
    _lay(sheet, window, colour * shade[..., None] + (0 if shine is None else shine[..., None]), mask)
    left, top, right, bottom = window
    region = sheet.region[top:bottom, left:right]
    region += mask * ((1.0 if own else 0.0) - region)


def _shine(u: Field, v: Field, lit: Field) -> Field:
    """Light thrown back by a smooth surface: at the rims that face the light and along soft folds."""
    ridge = look_up(swells(42), u * 0.9 + v * 0.3, v * 0.4 - u * 0.2, 560)
    return np.asarray(110 * np.clip(lit - 0.04, 0, 0.7) + 40 * np.clip(ridge - 0.45, 0, 1.3), dtype=np.float32)


def _rounding(image: Image.Image, radius: float, light: Points) -> tuple[Field, Field]:
    """Height of the shape blown up like a cushion (1 inside, falling at the rim), and its slope to the light."""
    padded = Image.new("L", (image.width + 8, image.height + 8))
    padded.paste(image, (4, 4))
    height = _unit(padded.filter(ImageFilter.BoxBlur(radius)).filter(ImageFilter.BoxBlur(radius * 0.6)))
    dx, dy = (int(np.clip(round(radius * 0.5 * -c), -4, 4)) for c in light.tolist())
    rows, columns = image.height, image.width
    ahead = height[4 + dy : 4 + dy + rows, 4 + dx : 4 + dx + columns]
    behind = height[4 - dy : 4 - dy + rows, 4 - dx : 4 - dx + columns]
    return height[4 : 4 + rows, 4 : 4 + columns], ahead - behind


def _lines(sheet: Sheet, strokes: Sequence[Line], pose: Pose, paints: Paints) -> None:
    stroke, paths = strokes[0], [pose.place(stroke.path) for stroke in strokes]
    width = max(stroke.width * pose.pixels, 0.85)
    window = sheet.window(np.concatenate(paths), width + 1)
    left, top, right, bottom = window
    image = Image.new("L", (2 * (right - left), 2 * (bottom - top)))
    draw, thick = ImageDraw.Draw(image), max(1, round(2 * width))
    for path in paths:
        inside = (path - (left, top)) * 2
        for piece in _dashes(inside, max(0.028 * pose.pixels, 6.0)) if stroke.dashed else [inside]:
            draw.line(piece.ravel().tolist(), fill=255, width=thick, joint="curve" if len(piece) > 2 else None)
    mask = _unit(image.reduce(2))
    if stroke.paint == "body":
        colour = albedo(paints.cloth, *pose.grid(window))
    else:
        colour = np.asarray(paints.flat[stroke.paint], dtype=np.float32)
    if width > 4 and stroke.paint not in ("fold", "seam"):
        colour = colour * (0.72 + 0.34 * _unit(image.reduce(2).filter(ImageFilter.BoxBlur(width / 3))))[..., None]
    strength = {"fold": 0.35, "seam": 0.75}.get(stroke.paint, 1.0)
    if stroke.paint == "fold":
        mask = _unit(image.reduce(2).filter(ImageFilter.BoxBlur(width / 2)))
    _lay(sheet, window, colour, mask * np.float32(strength))
    if stroke.paint in ("body", "trim"):
        region = sheet.region[top:bottom, left:right]
        region += mask * (1 - region)


def _dashes(path: Points, period: float) -> list[Points]:
    """The path cut into dashes two thirds of a period long."""
    steps = np.hypot(*np.diff(path, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    starts = np.arange(0, along[-1], period)
    ends = np.minimum(starts + period * 0.66, along[-1])
    x = np.interp(np.stack([starts, ends], axis=1), along, path[:, 0])
    y = np.interp(np.stack([starts, ends], axis=1), along, path[:, 1])
    return list(np.stack([x, y], axis=2))


def _lay(sheet: Sheet, window: Window, colour: NDArray[np.float32], mask: Field) -> None:
    left, top, right, bottom = window
    below = sheet.pixels[top:bottom, left:right]
    below += (colour - below) * mask[..., None]
