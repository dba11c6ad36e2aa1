"""Finishes as functions of the position on an item: (u, v) grids in, colour per pixel out."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Rgb = tuple[float, float, float]
_TILE = 512


@dataclass(frozen=True)
class Weave:
    """An item's colour and finish with every random detail fixed; ``pixels`` is the size of one unit."""

    finish: str
    base: Rgb
    contrast: Rgb
    pixels: float
    phase: tuple[float, float]
    coarse: float  # 0 to 1, size of the pattern
    turned: bool  # stripes upright, checks oblique


def weave(finish: str, base: Rgb, contrast: Rgb, pixels: float, rng: random.Random) -> Weave:
    """A finish with its phase, size and direction drawn from ``rng``."""
    phase = (rng.random() * 7, rng.random() * 7)
    return Weave(finish, base, contrast, pixels, phase, rng.random(), rng.random() < 0.35)


@cache
def grain(seed: int) -> Field:
    """A tile of white noise, mean 0 and deviation 1."""
    return np.random.default_rng(seed).standard_normal((_TILE, _TILE), dtype=np.float32)


@cache
def clouds(seed: int) -> Field:
    """A tile of smooth periodic noise with some detail, mean 0 and deviation 1."""
    return _filtered(seed, lambda radius: np.where(radius > 0, np.maximum(radius, 6.0) ** -2, 0.0))


@cache
def swells(seed: int) -> Field:
    """A tile of periodic noise without any detail: a few soft hills."""
    return _filtered(seed, lambda radius: np.where(radius > 0, np.exp(-((radius / 5.0) ** 2)), 0.0))


@cache
def pebbles(seed: int) -> Field:
    """A tile of evenly sized bumps, about eight cells wide."""
    return _filtered(seed, lambda radius: np.exp(-(((radius - 62.0) / 14.0) ** 2)))


def _filtered(seed: int, keep: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Field:
    frequency = np.fft.fftfreq(_TILE) * _TILE
    spectrum = np.fft.fft2(grain(seed)) * keep(np.hypot(frequency[:, None], frequency[None, :]))
    smooth = np.fft.ifft2(spectrum).real
    return np.asarray(smooth / smooth.std(), dtype=np.float32)


def patch(tile: Field, width: int, height: int, rng: random.Random) -> Field:
    """A random window of a tile, repeated as far as needed."""
    if width <= _TILE and height <= _TILE:
        row, column = rng.randrange(_TILE - height + 1), rng.randrange(_TILE - width + 1)
        return tile[row : row + height, column : column + width]
    rows, columns = np.arange(height) % _TILE, np.arange(width) % _TILE
    return tile[np.ix_(rows, columns)]


def look_up(tile: Field, u: Field, v: Field, density: float) -> Field:
    """The tile's values at (u, v), ``density`` cells to the unit, repeated beyond its edges."""
    column = (u * np.float32(density)).astype(np.int32) & (_TILE - 1)
    row = (v * np.float32(density)).astype(np.int32) & (_TILE - 1)
    return np.asarray(tile[row, column], dtype=np.float32)


def albedo(cloth: Weave, u: Field, v: Field) -> Field:
    """Colour of the finish at each position, shape (h, w, 3), before light and shadow; 0 to 255."""
    u, v = u + np.float32(cloth.phase[0]), v + np.float32(cloth.phase[1])
    shade, cover = _FINISHES[cloth.finish](cloth, u, v)
    base: Field = np.asarray(cloth.base, dtype=np.float32) * shade.astype(np.float32)[..., None]
    if cover is None:
        return base
    contrast = np.asarray(cloth.contrast, dtype=np.float32)
    return np.asarray(base + (contrast - base) * np.clip(cover, 0, 1)[..., None], dtype=np.float32)


def gloss(finish: str) -> float:
    """How strongly the finish mirrors the light: 0 dull, 1 shiny."""
    return {"leather": 1.0, "quilted": 0.25, "plain": 0.06}.get(finish, 0.0)


def _edge(distance: Field, pixels: float) -> Field:
    """1 inside (positive distance, in units), 0 outside, one pixel soft."""
    return np.asarray(np.clip(distance * np.float32(pixels) + np.float32(0.5), 0, 1), dtype=np.float32)


def _wave(x: Field, period: float) -> Field:
    """Distance from the nearest multiple of the period, in units: 0 to period / 2."""
    t = x / np.float32(period)
    return np.asarray(np.abs(t - np.rint(t)) * np.float32(period), dtype=np.float32)


Shading = tuple[Field, Field | None]


def _plain(cloth: Weave, u: Field, v: Field) -> Shading:
    return 1 + 0.018 * look_up(grain(1), u, v, cloth.pixels), None


def _denim(cloth: Weave, u: Field, v: Field) -> Shading:
    period = max(0.014, 3.4 / cloth.pixels)
    twill = np.sin((u * 0.8 + v) * np.float32(2 * math.pi / period))
    flecks = look_up(grain(2), u * 2.5, v * 0.6, cloth.pixels)
    worn = look_up(clouds(3), u, v, 260)
    shade = 0.93 + 0.13 * twill + 0.07 * flecks + 0.04 * worn
    dark = sum(cloth.base) < 150
    white = np.clip(0.10 + 0.09 * twill + 0.05 * flecks + 0.05 * worn, 0, 0.45)
    return shade, white * (0.5 if dark else 1.0) if cloth.contrast[0] > 128 else None


def _leather(cloth: Weave, u: Field, v: Field) -> Shading:
    bumps = look_up(pebbles(4), u, v, min(430.0, 1.6 * cloth.pixels))
    return 0.88 + 0.07 * np.clip(bumps, -1.6, 0.9), None


def _knitted(cloth: Weave, u: Field, v: Field) -> Shading:
    period = max(0.036 + 0.014 * cloth.coarse, 6.5 / cloth.pixels)
    side = _wave(u, period) / np.float32(period / 2)  # 0 in the middle of a wale, 1 in the groove
    row = (v / np.float32(period * 0.8)) - side * np.float32(0.55)
    strand = np.abs(row - np.rint(row)) * 2
    shade = 1.12 - 0.34 * strand**2 - 0.26 * side**3 - 0.14 * (1 - side) ** 4
    return shade + 0.03 * look_up(grain(6), u, v, cloth.pixels), None


def _fluffy(cloth: Weave, u: Field, v: Field) -> Shading:
    bend = 0.05 * look_up(clouds(7), u, v, 500)
    hair = look_up(grain(8), u * 0.9 + bend, v * 0.16 + bend, cloth.pixels)
    more = look_up(grain(9), u * 0.5 - bend, v * 0.12, cloth.pixels)
    return 0.97 + 0.11 * hair + 0.08 * more + 0.07 * look_up(clouds(10), u, v, 1100), None


def _quilted(cloth: Weave, u: Field, v: Field) -> Shading:
    period = max(0.10 + 0.05 * cloth.coarse, 13 / cloth.pixels)
    one, two = _wave(u + v, period) * (2 / period), _wave(u - v, period) * (2 / period)
    pillow = np.sqrt(np.clip(np.minimum(one, two), 0, 1))
    return 0.60 + 0.50 * pillow, None


def _striped(cloth: Weave, u: Field, v: Field) -> Shading:
    period = max(0.075 + 0.05 * cloth.coarse, 9 / cloth.pixels)
    across = u if cloth.turned else v
    cover = _edge(np.float32(period * 0.17) - _wave(across, period), cloth.pixels)
    return _plain(cloth, u, v)[0], cover


def _dotted(cloth: Weave, u: Field, v: Field) -> Shading:
    period = max(0.085 + 0.05 * cloth.coarse, 10 / cloth.pixels)
    row = np.rint(v / np.float32(period * 0.6))
    shifted = u + (row % 2) * np.float32(period / 2)
    distance = np.hypot(_wave(shifted, period), v - row * np.float32(period * 0.6))
    return _plain(cloth, u, v)[0], _edge(np.float32(period * 0.205) - distance, cloth.pixels)


def _checked(cloth: Weave, u: Field, v: Field) -> Shading:
    if cloth.turned:
        u, v = (u + v) * np.float32(0.707), (u - v) * np.float32(0.707)
    period = max(0.10 + 0.06 * cloth.coarse, 13 / cloth.pixels)
    bars = [_wave(axis, period) for axis in (u, v)]
    broad = sum(_edge(np.float32(period * 0.13) - bar, cloth.pixels) for bar in bars)
    thread = np.float32(period * 0.5 - max(0.007, 0.9 / cloth.pixels))
    thin = [_edge(bar - thread, cloth.pixels) for bar in bars]
    dark = 1 - np.float32(0.45) * np.maximum(thin[0], thin[1])
    return _plain(cloth, u, v)[0] * dark, np.asarray(broad * 0.55, dtype=np.float32)


def _floral(cloth: Weave, u: Field, v: Field) -> Shading:
    period = max(0.15 + 0.07 * cloth.coarse, 17 / cloth.pixels)
    row = np.rint(v / np.float32(period * 0.8))
    u = u + (row % 2) * np.float32(period / 2)
    column = np.rint(u / np.float32(period))
    spin = (row * 1.7 + column * 2.9) % 6
    dx = u - column * np.float32(period) - np.float32(period * 0.1) * np.sin(spin * 2)
    dy = v - row * np.float32(period * 0.8) - np.float32(period * 0.1) * np.cos(spin * 3)
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    petals = np.float32(period) * (np.float32(0.20) + np.float32(0.12) * np.cos(5 * angle + spin))
    cover = _edge(petals - radius, cloth.pixels)
    heart = _edge(np.float32(period * 0.075) - radius, cloth.pixels)
    return np.asarray(_plain(cloth, u, v)[0] * (1 - 0.35 * heart), dtype=np.float32), cover * (1 - heart)


_FINISHES: dict[str, Callable[[Weave, Field, Field], Shading]] = {
    "plain": _plain,
    "denim": _denim,
    "leather": _leather,
    "knitted": _knitted,
    "fluffy": _fluffy,
    "quilted": _quilted,
    "striped": _striped,
    "dotted": _dotted,
    "checked": _checked,
    "floral": _floral,
}
