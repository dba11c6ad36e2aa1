"""What lies behind the items: muted, so that it is never taken for an item's colour."""

from __future__ import annotations

import colorsys
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from indexer.samples.textures import Field, clouds, grain, look_up, patch


def backdrop(name: str, width: int, height: int, rng: random.Random) -> Field:
    """The named background, shape (height, width, 3), 0 to 255."""
    picture = _BACKDROPS[name](width, height, rng)
    y, x = np.linspace(-0.5, 0.5, height), np.linspace(-0.5, 0.5, width)
    slope_x, slope_y = rng.uniform(-0.10, 0.10), rng.uniform(-0.10, 0.04)
    light = (1 + slope_y * y[:, None] + slope_x * x[None, :]).astype(np.float32)
    return np.asarray(picture * light[..., None], dtype=np.float32)


def _muted(rng: random.Random, saturation: tuple[float, float], value: tuple[float, float]) -> Field:
    rgb = colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value))
    return np.asarray(rgb, dtype=np.float32) * 255


def _even(colour: Field, width: int, height: int) -> Field:
    return np.broadcast_to(colour.astype(np.float32), (height, width, 3)).copy()


def _white(width: int, height: int, rng: random.Random) -> Field:
    return _even(np.asarray([rng.uniform(246, 254)] * 3), width, height)


def _light_grey(width: int, height: int, rng: random.Random) -> Field:
    return _even(np.asarray([rng.uniform(200, 226)] * 3), width, height)


def _dark(width: int, height: int, rng: random.Random) -> Field:
    even = _even(_muted(rng, (0.0, 0.12), (0.24, 0.34)), width, height)
    return even * (1 + 0.05 * patch(clouds(21), width, height, rng))[..., None]


def _tinted(width: int, height: int, rng: random.Random) -> Field:
    return _even(_muted(rng, (0.08, 0.15), (0.80, 0.90)), width, height)


def _gradient(width: int, height: int, rng: random.Random) -> Field:
    top, bottom = _muted(rng, (0.02, 0.10), (0.82, 0.95)), _muted(rng, (0.02, 0.12), (0.50, 0.68))
    t = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    return np.broadcast_to(top * (1 - t) + bottom * t, (height, width, 3)).copy()


def _wood(width: int, height: int, rng: random.Random) -> Field:
    tone = np.asarray(colorsys.hsv_to_rgb(rng.uniform(0.07, 0.09), rng.uniform(0.22, 0.32), rng.uniform(0.55, 0.74)))
    rows = patch(clouds(22), 512, height, rng)
    stretched = rows[:, (np.arange(width) // 14) & 511]
    fine = patch(grain(23), 512, height, rng)[:, (np.arange(width) // 40) & 511]
    plank = height / rng.uniform(3, 6)
    boards = (np.arange(height) + rng.uniform(0, plank)) / plank
    shade = 1 + 0.07 * stretched + 0.025 * fine + 0.05 * np.sin(np.floor(boards) * 12.9)[:, None]
    shade[np.abs(boards - np.rint(boards)) * plank < 0.9] *= 0.66
    return np.asarray(tone * 255 * shade[..., None], dtype=np.float32)


def _grass(width: int, height: int, rng: random.Random) -> Field:
    tone = np.asarray(colorsys.hsv_to_rgb(rng.uniform(0.22, 0.26), rng.uniform(0.30, 0.40), rng.uniform(0.46, 0.58)))
    blades = patch(grain(24), width, 512, rng)[(np.arange(height) // 6) & 511]
    fine = patch(grain(25), width, height, rng)
    shade = 1 + 0.16 * blades + 0.08 * fine + 0.08 * patch(clouds(26), width, height, rng)
    return np.asarray(tone * 255 * shade[..., None], dtype=np.float32)


def _tiles(width: int, height: int, rng: random.Random) -> Field:
    tone = _muted(rng, (0.01, 0.09), (0.80, 0.92))
    size = rng.uniform(0.16, 0.26) * max(width, height)
    rows = (np.arange(height) + rng.uniform(0, size)) / (size * rng.choice([0.5, 1.0]))
    columns = (np.arange(width)[None, :] + rng.uniform(0, size)) / size + 0.5 * (np.floor(rows)[:, None] % 2)
    joint = np.minimum(np.abs(rows - np.rint(rows))[:, None], np.abs(columns - np.rint(columns))) * size < 1.3
    glaze = 1 + 0.03 * np.sin(np.floor(rows)[:, None] * 7.1 + np.floor(columns) * 3.7)
    return np.asarray(tone * np.where(joint, 0.80, glaze)[..., None], dtype=np.float32)


def _shelf(width: int, height: int, rng: random.Random) -> Field:
    wall = _even(_muted(rng, (0.03, 0.08), (0.72, 0.84)), width, height)
    board = rng.uniform(0.22, 0.32) * height
    first = rng.uniform(0, board)
    for row in np.arange(first, height, board).astype(int):
        wall[row : row + 7] = _muted(rng, (0.05, 0.12), (0.52, 0.60))
        wall[row + 7 : row + 12] *= 0.86
        x = rng.uniform(-20, 10)
        while x < width:
            wide, tall = rng.uniform(14, 40), rng.uniform(0.3, 0.75) * board
            wall[max(0, int(row - tall)) : row, max(0, int(x)) : max(0, int(x + wide))] = _muted(
                rng, (0.04, 0.14), (0.58, 0.8)
            )
            x += wide + rng.uniform(2, 26)
    return _blurred(wall, 3.0)


def _bed(width: int, height: int, rng: random.Random) -> Field:
    tone = _muted(rng, (0.0, 0.07), (0.82, 0.92))
    slant = rng.uniform(-0.6, 0.6)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    start = rng.randrange(512)
    folds = look_up(clouds(27), x + slant * y + start, y - slant * x, 0.22)
    wrinkles = look_up(clouds(28), x * 0.3 + slant * y, y + start, 0.8)
    return np.asarray(tone * (1 + 0.05 * folds + 0.022 * wrinkles)[..., None], dtype=np.float32)


def _pavement(width: int, height: int, rng: random.Random) -> Field:
    tone = _muted(rng, (0.0, 0.05), (0.48, 0.60))
    shade = 1 + 0.09 * patch(grain(29), width, height, rng) + 0.05 * patch(clouds(30), width, height, rng)
    return np.asarray(tone * shade[..., None], dtype=np.float32)


def _room(width: int, height: int, rng: random.Random) -> Field:
    room = _even(_muted(rng, (0.03, 0.09), (0.76, 0.88)), width, height)
    floor = int(height * rng.uniform(0.62, 0.82))
    room[floor:] = _muted(rng, (0.08, 0.16), (0.50, 0.64))
    for _ in range(rng.randrange(1, 4)):
        x, y = int(rng.uniform(-0.1, 0.8) * width), int(rng.uniform(0.0, 0.5) * height)
        wide, tall = int(rng.uniform(0.1, 0.4) * width), int(rng.uniform(0.15, 0.4) * height)
        room[max(0, y) : y + tall, max(0, x) : x + wide] = _muted(rng, (0.03, 0.15), (0.60, 0.92))
    return _blurred(room, rng.uniform(2.0, 5.0))


def _blurred(picture: Field, radius: float) -> Field:
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(radius))
    return np.asarray(image, dtype=np.float32)


_BACKDROPS: dict[str, Callable[[int, int, random.Random], Field]] = {
    "white": _white,
    "light grey": _light_grey,
    "dark": _dark,
    "tinted": _tinted,
    "gradient": _gradient,
    "wooden table": _wood,
    "grass": _grass,
    "tiles": _tiles,
    "shelf": _shelf,
    "bed": _bed,
    "pavement": _pavement,
    "room": _room,
}
