"""Tops, coats and dresses."""

from __future__ import annotations

from indexer.samples.canvas import Outline, Pen, box, ellipse, mirror, rounded, symmetric, turn


def _support(pen: Pen, *, neck: float = 0.12) -> None:
    """The hanger or the mannequin's neck, drawn before the garment."""
    if pen.view == "hanging":
        pen.line([(0.5, neck - 0.02), (0.5, neck - 0.10), (0.535, neck - 0.13), (0.5, neck - 0.175),
                  (0.465, neck - 0.14)], "metal", width=0.014)  # fmt: skip
        pen.line([(0.27, neck + 0.09), (0.5, neck - 0.03), (0.73, neck + 0.09)], "wood", width=0.035)
    elif pen.view == "mannequin":
        pen.fill(box(0.485, 0.85, 0.515, 1.04), "metal")
        pen.fill(symmetric([(0.5, neck - 0.16), (0.56, neck - 0.15), (0.555, neck - 0.02), (0.62, neck + 0.04),
                            (0.5, neck + 0.12)]), "mannequin")  # fmt: skip


def _sleeves(pen: Pen, outline: Outline, cuff: Outline, *, grain: float) -> None:
    """Both sleeves with the seam of the cuff, each let down or lifted a little."""
    for flip in (False, True):
        swing = pen.vary(-7, 9)
        about, degrees = ((0.31, 0.16), swing) if flip else ((0.69, 0.16), -swing)
        pen.fill(
            turn(mirror(outline) if flip else outline, degrees, about), shade=0.93, grain=-grain if flip else grain
        )
        pen.line(turn(mirror(cuff) if flip else cuff, degrees, about), width=0.007)


def _short_sleeves(pen: Pen, length: float = 1.0) -> None:
    x, y = 0.74 + 0.15 * length, 0.16 + 0.22 * length
    _sleeves(
        pen,
        [(0.63, 0.115, 1), (0.74, 0.15), (x, y, 1), (x - 0.13 * length, y + 0.04 + 0.02 * length, 1), (0.67, 0.33, 1)],
        [(x - 0.015, y - 0.03), (x - 0.13 * length - 0.01, y + 0.01 + 0.02 * length)],
        grain=35,
    )


def _long_sleeves(pen: Pen, *, wide: float = 0.0) -> None:
    reach = pen.vary(0.74, 0.82)
    _sleeves(
        pen,
        [(0.63, 0.115, 1), (0.74, 0.15), (0.80 + wide, 0.35), (0.88 + wide, reach, 1), (0.795, reach + 0.025, 1),
         (0.735, 0.45), (0.67, 0.33, 1)],
        [(0.79, reach - 0.035), (0.872 + wide, reach - 0.06)],
        grain=13,
    )  # fmt: skip


def _body(pen: Pen, *, hem: float, waist: float = 0.19, bottom: float = 0.205, neck: float = 0.14,
          wide: float = 0.09) -> None:  # fmt: skip
    """The trunk of a top: shoulders, sides and hem."""
    pen.fill(symmetric([
        (0.5, neck + 0.015), (0.5 + wide * 0.6, neck), (0.5 + wide, 0.095, 1), (0.695, 0.13, 1), (0.712, 0.19),
        (0.5 + max(waist, 0.17), 0.32), (0.5 + waist, 0.55), (0.5 + bottom, hem - 0.01, 1), (0.6, hem + 0.008),
        (0.5, hem + 0.012),
    ]))  # fmt: skip
    pen.line_both([(0.69, 0.13), (0.675, 0.22), (0.68, 0.33)], width=0.007)


def _back_neck(pen: Pen, depth: float, wide: float = 0.09) -> None:
    """The inside of the back, seen through the neck opening."""
    pen.fill(symmetric([(0.5, 0.085), (0.5 + wide, 0.09, 1), (0.5 + wide * 0.6, depth), (0.5, depth + 0.02)]), "inside")


def _neckband(pen: Pen, depth: float, wide: float = 0.09, width: float = 0.022) -> None:
    pen.line([(0.5 - wide, 0.093), (0.5 - wide * 0.65, depth), (0.5, depth + 0.02), (0.5 + wide * 0.65, depth),
              (0.5 + wide, 0.093)], "trim", width=width)  # fmt: skip
    pen.line([(0.5 - wide - 0.012, 0.1), (0.5 - wide * 0.75, depth + 0.01), (0.5, depth + 0.036),
              (0.5 + wide * 0.75, depth + 0.01), (0.5 + wide + 0.012, 0.1)], width=0.005)  # fmt: skip


def t_shirt(pen: Pen) -> None:
    """Round neck, short sleeves."""
    hem, depth = pen.vary(0.80, 0.92), pen.vary(0.13, 0.17)
    _support(pen)
    _back_neck(pen, depth)
    _short_sleeves(pen, pen.vary(0.85, 1.1))
    _body(pen, hem=hem, neck=depth)
    _neckband(pen, depth)
    pen.line([(0.31, hem - 0.03), (0.5, hem - 0.02), (0.69, hem - 0.03)], width=0.005)


def shirt(pen: Pen) -> None:
    """Collar, button placket, cuffs, a chest pocket."""
    hem = pen.vary(0.86, 0.96)
    _support(pen)
    _back_neck(pen, 0.14, 0.075)
    _long_sleeves(pen)
    _body(pen, hem=hem, neck=0.15, wide=0.08)
    pen.line_both([(0.475, 0.17), (0.475, hem)], width=0.006)
    for i in range(6):
        pen.button(0.5, 0.205 + i * (hem - 0.25) / 5.4, 0.0125)
    pen.fill_both([(0.505, 0.165, 1), (0.575, 0.075, 1), (0.605, 0.105, 1), (0.575, 0.215, 1)], shade=1.06, grain=30)
    pen.line_both([(0.505, 0.165), (0.575, 0.215), (0.605, 0.105)], width=0.006)
    if pen.finish == "denim":
        _flap_pockets(pen, 0.33)
    elif pen.chance(0.7):
        pen.line([(0.56, 0.32), (0.56, 0.42), (0.605, 0.44), (0.65, 0.42), (0.65, 0.32), (0.56, 0.32)], width=0.006)


def _flap_pockets(pen: Pen, y: float) -> None:
    for x in (0.36, 0.555):
        pen.line(
            [(x, y), (x, y + 0.12, 1), (x + 0.085, y + 0.12, 1), (x + 0.085, y)], "stitch", width=0.006, dashed=True
        )
        pen.fill([(x, y, 1), (x + 0.085, y, 1), (x + 0.085, y + 0.035, 1), (x + 0.043, y + 0.055, 1),
                  (x, y + 0.035, 1)], shade=0.92)  # fmt: skip
        pen.button(x + 0.043, y + 0.035, 0.008, "metal")


def tank_top(pen: Pen) -> None:
    """No sleeves, two straps."""
    hem, depth = pen.vary(0.78, 0.88), pen.vary(0.20, 0.26)
    _support(pen, neck=0.10)
    pen.fill(symmetric([(0.5, 0.14), (0.57, 0.12), (0.60, 0.07, 1), (0.61, 0.2, 1), (0.5, depth + 0.05)]), "inside")
    pen.fill(symmetric([
        (0.5, depth + 0.02), (0.565, depth), (0.595, 0.06, 1), (0.65, 0.06, 1), (0.645, 0.24), (0.705, 0.33, 1),
        (0.675, 0.55), (0.705, hem, 1), (0.5, hem + 0.015),
    ]))  # fmt: skip
    pen.line([(0.595, 0.06), (0.565, depth), (0.5, depth + 0.02), (0.435, depth), (0.405, 0.06)], "trim", width=0.014)
    pen.line_both([(0.65, 0.06), (0.645, 0.24), (0.705, 0.33)], "trim", width=0.014)
    pen.line([(0.3, hem - 0.025), (0.5, hem - 0.012), (0.7, hem - 0.025)], width=0.005)


def sweater(pen: Pen) -> None:
    """Long sleeves, ribbed neck, cuffs and hem."""
    hem, depth = pen.vary(0.76, 0.86), pen.vary(0.12, 0.15)
    _support(pen)
    _back_neck(pen, depth)
    _long_sleeves(pen, wide=0.035)
    _body(pen, hem=hem, neck=depth, waist=0.215, bottom=0.205)
    _neckband(pen, depth, width=0.036)
    pen.fill(symmetric([(0.5, hem - 0.045), (0.7, hem - 0.055, 1), (0.69, hem + 0.02, 1), (0.5, hem + 0.03)]), "trim")
    pen.ribs(0.325, 0.675, hem - 0.032, hem + 0.006, count=20)


def hoodie(pen: Pen) -> None:
    """A hood, a pouch pocket and drawstrings."""
    hem = pen.vary(0.82, 0.90)
    _support(pen, neck=0.03)
    pen.fill(symmetric([(0.5, 0.0), (0.59, 0.01), (0.645, 0.09), (0.625, 0.19), (0.5, 0.26)]), shade=0.9)
    pen.fill(symmetric([(0.5, 0.045), (0.565, 0.05), (0.59, 0.12), (0.545, 0.20), (0.5, 0.225)]), "inside")
    _long_sleeves(pen, wide=0.02)
    _body(pen, hem=hem, neck=0.24, waist=0.215, bottom=0.205, wide=0.12)
    pen.fill_both([(0.5, 0.265), (0.50, 0.22), (0.565, 0.16), (0.60, 0.06, 1), (0.645, 0.1), (0.63, 0.2)], shade=1.05)
    pen.line_both([(0.545, 0.235), (0.55, 0.33), (0.545, 0.42)], "cord", width=0.012)
    pen.line([(0.40, 0.60), (0.60, 0.60), (0.66, 0.76), (0.66, 0.80, 1), (0.34, 0.80, 1), (0.34, 0.76), (0.40, 0.60)],
             width=0.009)  # fmt: skip
    pen.fill(symmetric([(0.5, hem - 0.035), (0.7, hem - 0.045, 1), (0.695, hem + 0.02, 1), (0.5, hem + 0.03)]), "trim")


def jacket(pen: Pen) -> None:
    """Short and zipped or buttoned, with a turned-down collar and slanted pockets."""
    hem = pen.vary(0.70, 0.78)
    _support(pen)
    _back_neck(pen, 0.16)
    _long_sleeves(pen, wide=0.03)
    _body(pen, hem=hem, neck=0.17, waist=0.215, bottom=0.20)
    pen.fill(
        symmetric([(0.5, hem - 0.04), (0.70, hem - 0.05, 1), (0.695, hem + 0.02, 1), (0.5, hem + 0.03)]), shade=0.9
    )
    if pen.finish == "denim":
        _flap_pockets(pen, 0.30)
        pen.line_both([(0.475, 0.2), (0.475, hem)], "stitch", width=0.006, dashed=True)
        pen.line_both([(0.59, 0.36), (0.56, hem - 0.05)], "stitch", width=0.006, dashed=True)
        pen.line_both([(0.5, 0.29), (0.69, 0.29)], "stitch", width=0.006, dashed=True)
        for i in range(5):
            pen.button(0.5, 0.22 + i * (hem - 0.23) / 4.2, 0.011, "metal")
    else:
        pen.line([(0.5, 0.17), (0.5, hem + 0.02)], "seam", width=0.03)
        pen.line([(0.5, 0.17), (0.5, hem + 0.02)], "metal", width=0.014, dashed=True)
        pen.line_both([(0.585, 0.60), (0.64, 0.48)], width=0.016)
        pen.line_both([(0.585, 0.60), (0.64, 0.48)], "metal", width=0.006)
    pen.fill_both([(0.505, 0.175, 1), (0.575, 0.07, 1), (0.635, 0.11, 1), (0.60, 0.235, 1)], shade=1.1, grain=35)
    pen.line_both([(0.505, 0.175), (0.60, 0.235), (0.635, 0.11)], width=0.007)


def coat(pen: Pen) -> None:
    """Knee-long, with lapels, big buttons and often a belt."""
    hem, flare = pen.vary(1.20, 1.32), pen.vary(0.23, 0.28)
    _support(pen)
    _long_sleeves(pen, wide=0.03)
    _body(pen, hem=hem, neck=0.13, waist=0.19, bottom=flare, wide=0.08)
    pen.line([(0.53, 0.42), (0.53, hem)], width=0.008)
    pen.fill_both([(0.515, 0.45, 1), (0.56, 0.08, 1), (0.61, 0.10), (0.635, 0.22, 1), (0.60, 0.25, 1),
                   (0.625, 0.29, 1)], shade=1.1, grain=25)  # fmt: skip
    pen.line_both([(0.515, 0.45), (0.625, 0.29), (0.60, 0.25), (0.635, 0.22)], width=0.008)
    pen.fill(symmetric([(0.5, 0.10), (0.555, 0.09, 1), (0.5, 0.40, 1)]), "inside")
    for i in range(3):
        pen.button(0.47, 0.50 + i * 0.15, 0.018)
        if i != 1:
            pen.button(0.575, 0.50 + i * 0.15, 0.018)
    if pen.chance(0.5):
        pen.fill(symmetric([(0.5, 0.60), (0.685, 0.595, 1), (0.685, 0.645, 1), (0.5, 0.655)]), "trim")
        pen.fill(rounded(0.47, 0.59, 0.53, 0.665, 0.01), "metal")
        pen.fill(rounded(0.483, 0.606, 0.517, 0.65, 0.006), "trim")
    pen.fill_both([(0.595, 0.78, 1), (0.68, 0.77, 1), (0.685, 0.81, 1), (0.60, 0.82, 1)], shade=0.86)


def dress(pen: Pen) -> None:
    """Fitted above the waist, a wide skirt below."""
    hem, flare, sleeves = pen.vary(1.12, 1.28), pen.vary(0.34, 0.44), pen.chance(0.4)
    _support(pen)
    _back_neck(pen, 0.17)
    if sleeves:
        _short_sleeves(pen, 0.7)
    side = 0.69 if sleeves else 0.655
    pen.fill(symmetric([
        (0.5, 0.21), (0.555, 0.19), (0.59, 0.09, 1), (side, 0.10, 1), (0.655, 0.22), (0.675, 0.32, 1), (0.63, 0.52),
        (0.625, 0.56, 1), (0.5, 0.58),
    ]))  # fmt: skip
    pen.fill(symmetric([
        (0.5, 0.55), (0.625, 0.545, 1), (0.70, 0.72), (0.5 + flare, hem - 0.04, 1), (0.5 + flare * 0.6, hem + 0.015),
        (0.5 + flare * 0.25, hem - 0.005), (0.5, hem + 0.02),
    ]))  # fmt: skip
    for t in (0.18, 0.48, 0.78):
        pen.line_both([(0.5 + 0.11 * t, 0.60), (0.5 + flare * t * 0.8, 0.85), (0.5 + flare * t, hem - 0.03)], "fold",
                      width=0.016)  # fmt: skip
    pen.fill(symmetric([(0.5, 0.545), (0.628, 0.53, 1), (0.63, 0.575, 1), (0.5, 0.59)]), "trim")
    if pen.chance(0.4):
        pen.fill(ellipse(0.5, 0.565, 0.025, 0.025), "metal")
