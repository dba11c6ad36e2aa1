"""The pen a garment is drawn with: smooth outlines and seams in a unit square, y pointing down."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
# A point (x, y) is rounded off; (x, y, 1) stays a corner.
Outline = Sequence[tuple[float, ...]]


@dataclass(frozen=True)
class Fill:
    """A closed shape filled with a paint; ``grain`` turns its texture (degrees), ``volume`` rounds its shading."""

    outline: Points
    paint: str
    shade: float
    grain: float
    volume: float


@dataclass(frozen=True)
class Line:
    """An open path stroked with a paint; ``width`` in units of the square."""

    path: Points
    paint: str
    width: float
    dashed: bool


def curve(outline: Outline, *, closed: bool = True, rounds: int = 3) -> Points:
    """The outline with its soft corners cut by Chaikin's scheme, as (N, 2) points."""
    if len(outline) < 3 or all(len(p) > 2 for p in outline):
        return np.asarray([p[:2] for p in outline], dtype=np.float64)
    doubled = [(p[0], p[1]) for p in outline for _ in range(2 if len(p) > 2 else 1)]
    return _cutting(len(doubled), closed, rounds) @ np.asarray(doubled, dtype=np.float64)


@cache
def _cutting(count: int, closed: bool, rounds: int) -> Points:
    """Chaikin's scheme for ``count`` points as one matrix: it is linear in them."""
    points = np.eye(count)
    for _ in range(rounds):
        following = np.roll(points, -1, axis=0)
        cut = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], axis=1)
        cut = cut.reshape(-1, count)
        points = cut if closed else np.concatenate([points[:1], cut[:-2], points[-1:]])
    return points


def mirror(outline: Outline) -> list[tuple[float, ...]]:
    """The outline reflected about x = 0.5."""
    return [(1.0 - p[0], *p[1:]) for p in outline]


def symmetric(half: Outline) -> list[tuple[float, ...]]:
    """A closed outline from its right half, listed from the top to the bottom."""
    return [*half, *reversed(mirror(half))]


def turn(outline: Outline, degrees: float, about: tuple[float, float]) -> list[tuple[float, ...]]:
    """The outline turned clockwise about a point."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned: list[tuple[float, ...]] = []
    for x, y, *corner in outline:
        dx, dy = x - about[0], y - about[1]
        turned.append((about[0] + cos * dx - sin * dy, about[1] + sin * dx + cos * dy, *corner))
    return turned


def shift(outline: Outline, dx: float, dy: float, scale: float = 1.0) -> list[tuple[float, ...]]:
    """The outline scaled about the origin and moved."""
    return [(p[0] * scale + dx, p[1] * scale + dy, *p[2:]) for p in outline]


def ellipse(x: float, y: float, rx: float, ry: float, *, start: float = 0, stop: float = 360) -> Outline:
    """An ellipse, or an arc of one (degrees, clockwise from the right), as corner points."""
    angles = np.radians(np.linspace(start, stop, 28))
    return [(x + rx * math.cos(a), y + ry * math.sin(a), 1) for a in angles.tolist()]


def box(left: float, top: float, right: float, bottom: float) -> Outline:
    """A rectangle with sharp corners."""
    return [(left, top, 1), (right, top, 1), (right, bottom, 1), (left, bottom, 1)]


def rounded(left: float, top: float, right: float, bottom: float, radius: float) -> Outline:
    """A rectangle with rounded corners."""
    r = radius
    return [
        (left + r, top, 1), (right - r, top, 1), (right, top), (right, top + r, 1), (right, bottom - r, 1),
        (right, bottom), (right - r, bottom, 1), (left + r, bottom, 1), (left, bottom), (left, bottom - r, 1),
        (left, top + r, 1), (left, top),
    ]  # fmt: skip


@dataclass
class Pen:
    """Collects the strokes of one item; ``rng`` decides its cut, ``finish`` may decide its details."""

    rng: random.Random
    finish: str
    view: str
    strokes: list[Fill | Line] = field(default_factory=list)

    def vary(self, low: float, high: float) -> float:
        """A random measure of the cut."""
        return self.rng.uniform(low, high)

    def chance(self, probability: float) -> bool:
        """Whether this item has an optional detail."""
        return self.rng.random() < probability

    def fill(
        self, outline: Outline, paint: str = "body", *, shade: float = 1.0, grain: float = 0.0, volume: float = 1.0
    ) -> None:
        """Fill a closed outline."""
        self.strokes.append(Fill(curve(outline), paint, shade, grain, volume))

    def fill_both(self, outline: Outline, paint: str = "body", *, shade: float = 1.0, grain: float = 0.0) -> None:
        """Fill an outline and its reflection."""
        self.fill(outline, paint, shade=shade, grain=grain)
        self.fill(mirror(outline), paint, shade=shade, grain=-grain)

    def line(self, path: Outline, paint: str = "seam", *, width: float = 0.008, dashed: bool = False) -> None:
        """Stroke an open path."""
        self.strokes.append(Line(curve(path, closed=False), paint, width, dashed))

    def line_both(self, path: Outline, paint: str = "seam", *, width: float = 0.008, dashed: bool = False) -> None:
        """Stroke a path and its reflection."""
        self.line(path, paint, width=width, dashed=dashed)
        self.line(mirror(path), paint, width=width, dashed=dashed)

    def button(self, x: float, y: float, radius: float, paint: str = "button") -> None:
        """A small disc with a dark rim."""
        self.fill(ellipse(x, y, radius * 1.25, radius * 1.25), "seam", volume=0)
        self.fill(ellipse(x, y, radius, radius), paint, volume=0)

    def ribs(self, left: float, right: float, top: float, bottom: float, *, count: int = 14) -> None:
        """Short upright lines of a ribbed hem or cuff."""
        for i in range(count + 1):
            x = left + (right - left) * i / count
            self.line([(x, top), (x, bottom)], "seam", width=0.005)
