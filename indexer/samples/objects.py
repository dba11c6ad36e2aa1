"""Bags and other things one carries: handbag, backpack, suitcase, watch, mug."""

from __future__ import annotations

import math

from indexer.samples.canvas import Pen, box, ellipse, rounded, symmetric


def handbag(pen: Pen) -> None:
    """A trapezoid body, a flap or zip and an arched handle."""
    top, wide = pen.vary(0.42, 0.48), pen.vary(0.36, 0.42)
    arch = pen.vary(0.08, 0.16)
    pen.line(
        [(0.30, top + 0.03), (0.32, arch), (0.5, arch - 0.06), (0.68, arch), (0.70, top + 0.03)], "trim", width=0.042
    )
    pen.fill(symmetric([(0.5, top), (0.5 + wide * 0.82, top, 1), (0.5 + wide, 0.88), (0.5 + wide * 0.9, 0.93),
                        (0.5, 0.935)]))  # fmt: skip
    if pen.chance(0.5):
        pen.fill(symmetric([(0.5, top - 0.005), (0.5 + wide * 0.83, top - 0.005, 1), (0.5 + wide * 0.86, top + 0.18),
                            (0.64, top + 0.27), (0.5, top + 0.28)]), shade=1.06)  # fmt: skip
        pen.line([(0.5 - wide * 0.86, top + 0.15), (0.36, top + 0.25), (0.5, top + 0.275), (0.64, top + 0.25),
                  (0.5 + wide * 0.86, top + 0.15)], width=0.010)  # fmt: skip
        pen.fill(rounded(0.465, top + 0.22, 0.535, top + 0.31, 0.015), "metal")
    else:
        pen.line([(0.5 - wide * 0.80, top + 0.04), (0.5 + wide * 0.80, top + 0.04)], "metal", width=0.014)
        pen.line([(0.5 - wide * 0.95, 0.84), (0.5 + wide * 0.95, 0.84)], width=0.010)
    for x in (0.30, 0.70):
        pen.fill(ellipse(x, top + 0.035, 0.026, 0.026), "metal")


def backpack(pen: Pen) -> None:
    """A tall rounded sack with a front pocket and shoulder straps."""
    wide = pen.vary(0.27, 0.31)
    pen.line([(0.44, 0.10), (0.45, 0.02), (0.55, 0.02), (0.56, 0.10)], "trim", width=0.030)
    pen.line_both([(0.70, 0.22), (0.5 + wide + 0.10, 0.42), (0.5 + wide + 0.07, 0.80)], "trim", width=0.050)
    pen.fill_both([(0.5 + wide - 0.03, 0.58, 1), (0.5 + wide + 0.05, 0.60), (0.5 + wide + 0.055, 0.86),
                   (0.5 + wide - 0.03, 0.88, 1)], shade=0.82)  # fmt: skip
    pen.fill(symmetric([(0.5, 0.07), (0.60, 0.075), (0.72, 0.14), (0.5 + wide, 0.30), (0.5 + wide + 0.01, 0.86),
                        (0.72, 0.95), (0.5, 0.955)]))  # fmt: skip
    pen.line([(0.5 - wide + 0.03, 0.42), (0.30, 0.22), (0.40, 0.14), (0.60, 0.14), (0.70, 0.22),
              (0.5 + wide - 0.03, 0.42)], width=0.014)  # fmt: skip
    pen.fill(
        symmetric([(0.5, 0.53), (0.66, 0.53), (0.70, 0.57), (0.705, 0.86), (0.66, 0.89), (0.5, 0.895)]), shade=1.06
    )
    pen.line([(0.30, 0.80), (0.295, 0.575), (0.34, 0.53), (0.66, 0.53), (0.705, 0.575), (0.70, 0.80)], width=0.010)
    pen.line([(0.33, 0.615), (0.67, 0.615)], "metal", width=0.012)
    pen.fill(box(0.60, 0.61, 0.616, 0.675), "metal")
    if pen.chance(0.6):
        pen.fill(rounded(0.44, 0.31, 0.56, 0.40, 0.012), "trim")


def suitcase(pen: Pen) -> None:
    """A hard case on wheels with a telescopic handle."""
    pull, wide = pen.vary(0.02, 0.12), pen.vary(0.25, 0.30)
    pen.line([(0.40, 0.28), (0.40, pull, 1), (0.60, pull, 1), (0.60, 0.28)], "metal", width=0.020)
    pen.line([(0.39, pull), (0.61, pull)], "glass", width=0.038)
    for x in (0.5 - wide + 0.06, 0.5 + wide - 0.06):
        pen.fill(ellipse(x, 0.965, 0.035, 0.035), "glass")
    pen.fill(rounded(0.5 - wide, 0.24, 0.5 + wide, 0.95, 0.06))
    for i in range(1, 5):
        x = 0.5 - wide + 2 * wide * i / 5
        pen.line([(x, 0.30), (x, 0.89)], width=0.012)
    pen.line([(0.5 - wide + 0.01, 0.29), (0.5 + wide - 0.01, 0.29)], width=0.007)
    pen.line([(0.43, 0.235), (0.44, 0.20), (0.56, 0.20), (0.57, 0.235)], "glass", width=0.024)
    for x, y in ((0.5 - wide, 0.24), (0.5 + wide, 0.24), (0.5 - wide, 0.95), (0.5 + wide, 0.95)):
        sx, sy = (1 if x < 0.5 else -1), (1 if y < 0.5 else -1)
        pen.fill([(x + sx * 0.03, y, 1), (x + sx * 0.10, y, 1), (x, y + sy * 0.10, 1), (x, y + sy * 0.03, 1),
                  (x, y)], "trim")  # fmt: skip


def watch(pen: Pen) -> None:
    """A round dial on a strap."""
    strap, dial = pen.vary(0.085, 0.115), pen.vary(0.165, 0.19)
    pen.fill(
        symmetric([(0.5, 0.0), (0.5 + strap * 0.8, 0.01), (0.5 + strap, 0.30, 1), (0.5 + strap, 0.40, 1), (0.5, 0.40)])
    )
    pen.fill(symmetric([(0.5, 0.60), (0.5 + strap, 0.60, 1), (0.5 + strap, 0.70, 1), (0.5 + strap * 0.75, 0.98),
                        (0.5, 1.01)]))  # fmt: skip
    for low, high in ((0.03, 0.30), (0.70, 0.97)):
        pen.line_both([(0.5 + strap * 0.72, low), (0.5 + strap * 0.78, high)], "stitch", width=0.006, dashed=True)
    for i in range(4):
        pen.fill(ellipse(0.5, 0.77 + i * 0.05, 0.009, 0.011), "glass", volume=0)
    pen.fill(box(0.5 + dial, 0.475, 0.5 + dial + 0.035, 0.525), "metal")
    pen.fill(ellipse(0.5, 0.5, dial + 0.02, dial + 0.02), "metal")
    pen.fill(ellipse(0.5, 0.5, dial - 0.015, dial - 0.015), "face", volume=0.4)
    for i in range(12):
        sin, cos = math.sin(i * math.pi / 6), math.cos(i * math.pi / 6)
        inner, outer = dial - 0.055, dial - 0.028
        pen.line([(0.5 + inner * sin, 0.5 + inner * cos), (0.5 + outer * sin, 0.5 + outer * cos)], "glass", width=0.010)
    for reach, angle, width in ((0.62, pen.vary(0, 6.3), 0.012), (0.42, pen.vary(0, 6.3), 0.018)):
        end = (0.5 + dial * reach * math.sin(angle), 0.5 - dial * reach * math.cos(angle))
        pen.line([(0.5, 0.5), end], "glass", width=width)


def mug(pen: Pen) -> None:
    """A straight cup with a handle and something dark to drink."""
    top, wide, taper = pen.vary(0.18, 0.24), pen.vary(0.26, 0.30), pen.vary(0.0, 0.03)
    x = 0.44
    pen.line([(x + wide - 0.02, 0.36), (x + wide + 0.16, 0.34), (x + wide + 0.20, 0.50), (x + wide + 0.13, 0.66),
              (x + wide - 0.03, 0.66)], "trim", width=0.060)  # fmt: skip
    pen.fill([(x - wide, top, 1), (x + wide, top, 1), (x + wide - taper, 0.80), (x + wide - taper - 0.03, 0.86),
              (x, 0.885), (x - wide + taper + 0.03, 0.86), (x - wide + taper, 0.80)])  # fmt: skip
    pen.fill(ellipse(x, top, wide, 0.062), "trim", shade=1.12)
    pen.fill(ellipse(x, top + 0.004, wide - 0.025, 0.046), "inside")
    pen.fill(ellipse(x, top + 0.016, wide - 0.045, 0.034), "coffee", volume=0)
