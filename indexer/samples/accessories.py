"""Things worn on the head, the neck, the hands and the waist."""

from __future__ import annotations

import math
from itertools import pairwise

from indexer.samples.canvas import Outline, Pen, ellipse, mirror, rounded, shift, symmetric, turn


def hat(pen: Pen) -> None:
    """A crown with a wide brim and a ribbon."""
    crown, brim = pen.vary(0.14, 0.22), pen.vary(0.42, 0.50)
    pen.fill(ellipse(0.5, 0.64, brim, pen.vary(0.10, 0.14)), shade=0.92)
    pen.fill(symmetric([(0.5, crown + 0.04), (0.58, crown - 0.02), (0.68, crown + 0.05), (0.735, 0.62), (0.70, 0.665),
                        (0.5, 0.69)]))  # fmt: skip
    pen.fill(symmetric([(0.5, 0.575), (0.722, 0.53, 1), (0.735, 0.625, 1), (0.5, 0.685)]), "ribbon")
    pen.line([(0.44, crown + 0.05), (0.5, crown + 0.10), (0.56, crown + 0.05)], "fold", width=0.018)


def cap(pen: Pen) -> None:
    """A baseball cap from the side, peak to the right."""
    top = pen.vary(0.20, 0.26)
    pen.fill([(0.58, 0.60, 1), (0.72, 0.55), (0.90, 0.57), (1.0, 0.67), (0.97, 0.70, 1), (0.82, 0.655),
              (0.56, 0.68, 1)], shade=0.82, grain=15)  # fmt: skip
    pen.fill([(0.12, 0.64, 1), (0.13, 0.42), (0.24, top), (0.42, top - 0.03), (0.58, top + 0.02), (0.70, 0.42),
              (0.73, 0.60, 1), (0.60, 0.66), (0.35, 0.68)])  # fmt: skip
    pen.line([(0.41, top - 0.005), (0.50, 0.40), (0.53, 0.665)], width=0.009)
    pen.line([(0.41, top - 0.005), (0.27, 0.38), (0.25, 0.67)], width=0.009)
    pen.line([(0.13, 0.615), (0.36, 0.65), (0.60, 0.63), (0.73, 0.575)], width=0.008)
    pen.fill(ellipse(0.41, top - 0.012, 0.024, 0.016), "trim")
    pen.fill(ellipse(0.60, 0.42, 0.012, 0.014), "seam", volume=0)


def beanie(pen: Pen) -> None:
    """A woollen cap with a turned-up rim, often with a bobble."""
    if pen.chance(0.6):
        pen.fill(ellipse(0.5, 0.14, 0.10, 0.09), "trim", shade=1.1)
    pen.fill(symmetric([(0.5, 0.18), (0.65, 0.20), (0.78, 0.38), (0.80, 0.66, 1), (0.5, 0.70)]))
    pen.fill(symmetric([(0.5, 0.60), (0.78, 0.57), (0.825, 0.60), (0.83, 0.76), (0.78, 0.80), (0.5, 0.83)]), shade=0.9)
    pen.ribs(0.20, 0.80, 0.635, 0.79, count=17)


def scarf(pen: Pen) -> None:
    """Looped once, two fringed ends hanging down."""
    long = pen.vary(0.82, 0.95)
    ends = ((0.36, 0.54, pen.vary(2, 8), long - 0.10), (0.46, 0.65, pen.vary(-8, -2), long))
    for left, right, lean, bottom in ends:
        for i in range(8):
            x = left + 0.01 + (right - left - 0.02) * i / 7
            fringe = turn([(x, bottom - 0.01), (x + pen.vary(-0.008, 0.008), bottom + 0.065)], lean, (0.5, 0.25))
            pen.line(fringe, "trim", width=0.012)
        pen.fill(turn([(left, 0.2, 1), (right, 0.2, 1), (right, bottom, 1), (left, bottom, 1)], lean, (0.5, 0.25)))
        pen.line(turn([(left + 0.06, 0.3), (left + 0.07, bottom - 0.1)], lean, (0.5, 0.25)), "fold", width=0.016)
    pen.fill(ellipse(0.5, 0.16, 0.16, 0.075), "inside")
    pen.fill([(0.26, 0.15), (0.30, 0.16), (0.5, 0.22), (0.70, 0.16), (0.74, 0.15), (0.77, 0.27), (0.62, 0.37),
              (0.5, 0.39), (0.38, 0.37), (0.23, 0.27)], shade=1.05, grain=90)  # fmt: skip
    pen.line([(0.27, 0.22), (0.40, 0.30), (0.60, 0.31), (0.73, 0.23)], "fold", width=0.014)


def tie(pen: Pen) -> None:
    """A knot and a blade that widens to a point."""
    wide = pen.vary(0.085, 0.115)
    pen.fill(
        [(0.47, 0.12, 1), (0.515, 0.12, 1), (0.50 + wide * 0.8, 0.78, 1), (0.53, 0.83, 1), (0.46, 0.76, 1)], shade=0.7
    )
    pen.fill(symmetric([(0.5, 0.13), (0.532, 0.13, 1), (0.5 + wide, 0.83, 1), (0.5, 0.95, 1)]), grain=35)
    pen.fill(symmetric([(0.5, 0.02), (0.555, 0.02, 1), (0.535, 0.15, 1), (0.5, 0.155)]), shade=0.92, grain=-35)
    pen.line([(0.465, 0.15), (0.5, 0.158), (0.535, 0.15)], width=0.008)


def bow_tie(pen: Pen) -> None:
    """Two wings and a knot."""
    high = pen.vary(0.15, 0.20)
    wing: Outline = [(0.50, 0.47, 1), (0.62, 0.47 - high * 0.7), (0.90, 0.48 - high), (0.93, 0.5), (0.90, 0.52 + high),
                     (0.62, 0.53 + high * 0.7), (0.50, 0.53, 1)]  # fmt: skip
    pen.fill_both(wing, grain=8)
    pen.line_both([(0.54, 0.49), (0.66, 0.46), (0.74, 0.47)], "fold", width=0.016)
    pen.line_both([(0.54, 0.52), (0.64, 0.55), (0.70, 0.56)], "fold", width=0.014)
    pen.fill(rounded(0.445, 0.43, 0.555, 0.57, 0.03), shade=0.9)


def gloves(pen: Pen) -> None:
    """A left and a right glove, fingers up."""
    spread, long = pen.vary(2, 7), pen.vary(0.0, 0.10)
    for flip in (False, True):
        lean = pen.vary(0, 10) * (1 if flip else -1)

        def at(outline: Outline, flip: bool = flip, lean: float = lean) -> Outline:
            moved = turn(shift(outline, 0.24, 0.0), -lean, (0.74, 0.7))
            return mirror(moved) if flip else moved

        thumb: Outline = [(0.42, 0.62), (0.33, 0.50), (0.275, 0.41), (0.30, 0.365), (0.345, 0.385), (0.42, 0.46),
                          (0.47, 0.55)]  # fmt: skip
        pen.fill(at(thumb), shade=0.93)
        tops = (0.20, 0.13, 0.15, 0.22)
        for i, top in enumerate(tops):
            x = 0.415 + i * 0.062
            finger: Outline = [(x - 0.031, 0.50, 1), (x - 0.031, top + 0.03), (x - 0.02, top), (x + 0.02, top),
                               (x + 0.031, top + 0.03), (x + 0.031, 0.50, 1)]  # fmt: skip
            pen.fill(at(turn(finger, (i - 1.5) * spread, (0.5, 0.62))), shade=0.95 + 0.02 * i)
        pen.fill(at([(0.375, 0.42), (0.50, 0.40), (0.635, 0.42), (0.64, 0.60), (0.615, 0.78, 1), (0.415, 0.78, 1),
                     (0.38, 0.60)]))  # fmt: skip
        pen.fill(at([(0.405, 0.76, 1), (0.625, 0.76, 1), (0.64, 0.90 + long, 1), (0.395, 0.90 + long, 1)]), "trim")
        pen.line(at([(0.405, 0.765), (0.625, 0.765)]), width=0.010)
        for x in (0.45, 0.51, 0.57):
            pen.line(at([(x, 0.48), (x + 0.003, 0.62)]), width=0.006)


def belt(pen: Pen) -> None:
    """Rolled up, buckle in front."""
    coil, tail = pen.vary(0.22, 0.27), pen.vary(0.86, 0.98)
    pen.fill(ellipse(0.42, 0.36, coil + 0.12, 0.115), shade=0.8)
    pen.fill(ellipse(0.42, 0.36, coil + 0.09, 0.090), "inside")
    pen.fill(ellipse(0.43, 0.365, coil - 0.03, 0.062), shade=0.72)
    pen.fill(ellipse(0.43, 0.367, coil - 0.055, 0.045), "inside")
    band: Outline = [
        (0.42 - coil - 0.12, 0.36, 1),
        (0.20, 0.47),
        (0.42, 0.485),
        (0.70, 0.46),
        (tail, 0.44, 1),
        (tail + 0.01, 0.60, 1),
        (0.70, 0.63),
        (0.42, 0.66),
        (0.18, 0.64),
        (0.42 - coil - 0.12, 0.53, 1),
    ]
    pen.fill(band)
    pen.line(
        [(0.09, 0.45), (0.22, 0.505), (0.42, 0.515), (0.70, 0.485), (tail, 0.465)], "stitch", width=0.007, dashed=True
    )
    pen.line(
        [(0.09, 0.535), (0.2, 0.61), (0.42, 0.63), (0.70, 0.60), (tail, 0.575)], "stitch", width=0.007, dashed=True
    )
    for i in range(3):
        pen.fill(ellipse(0.30 + i * 0.075, 0.57, 0.010, 0.012), "glass", volume=0)
    pen.fill(rounded(tail - 0.10, 0.42, tail + 0.10, 0.625, 0.03), "metal")
    pen.fill(rounded(tail - 0.065, 0.455, tail + 0.065, 0.59, 0.02), shade=0.8)
    pen.line([(tail - 0.08, 0.522), (tail + 0.07, 0.522)], "metal", width=0.022)


def umbrella(pen: Pen) -> None:
    """Open, seen from the side, with a crook."""
    low, panels = pen.vary(0.44, 0.52), 4
    pen.line([(0.5, 0.10), (0.5, 0.90)], "metal", width=0.018)
    pen.line([(0.5, 0.80), (0.5, 0.95), (0.545, 0.99), (0.60, 0.96), (0.60, 0.90)], "wood", width=0.034)
    edge = [(0.04 + 0.92 * i / panels, low) for i in range(panels + 1)]
    rim: list[tuple[float, ...]] = []
    for (x0, y0), (x1, _) in pairwise(edge):
        rim += [(x0, y0, 1), ((x0 + x1) / 2, y0 - 0.075)]
    dome = [(0.96, low, 1), *[(0.5 + 0.47 * math.cos(a), low - 0.37 * math.sin(a), 1)
                              for a in [math.pi * k / 24 for k in range(1, 24)]]]  # fmt: skip
    pen.fill([*rim, *dome])
    for x, _ in edge[1:-1]:
        bow = (x - 0.5) * 0.92
        pen.line([(0.5, low - 0.37), (0.5 + bow * 0.75, low - 0.28), (0.5 + bow, low - 0.12), (x, low)], width=0.010)
    pen.line([(0.5, low - 0.365), (0.5, low - 0.43)], "metal", width=0.018)


def sunglasses(pen: Pen) -> None:
    """Two dark lenses in a coloured frame, temples behind."""
    drop, round_ = pen.vary(0.58, 0.66), pen.chance(0.4)
    pen.line_both([(0.95, 0.42), (0.97, 0.36), (0.86, 0.30)], "body", width=0.040)
    if round_:
        frame, lens = ellipse(0.735, 0.50, 0.225, 0.19), ellipse(0.735, 0.50, 0.165, 0.135)
    else:
        frame = [(0.535, 0.40), (0.60, 0.365), (0.93, 0.35), (0.985, 0.385), (0.95, 0.52), (0.88, drop),
                 (0.72, drop + 0.03), (0.59, drop - 0.03), (0.54, 0.50)]  # fmt: skip
        lens = [(0.60, 0.43), (0.66, 0.425), (0.87, 0.415), (0.915, 0.43), (0.89, 0.52), (0.84, drop - 0.05),
                (0.72, drop - 0.025), (0.64, drop - 0.07), (0.605, 0.50)]  # fmt: skip
    pen.line([(0.45, 0.47), (0.5, 0.42), (0.55, 0.47)], "body", width=0.05)
    pen.fill_both(frame)
    pen.fill_both(lens, "glass")
    for x in (0.19, 0.66):
        pen.line([(x + 0.02, 0.55), (x + 0.09, 0.46)], "glint", width=0.018)
