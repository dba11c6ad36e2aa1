"""Trousers, shorts, skirts and socks."""

from __future__ import annotations

from indexer.samples.canvas import Pen, box, mirror, shift, symmetric, turn


def _clips(pen: Pen, top: float) -> None:
    """The rail and clips of a trouser hanger, drawn after the garment."""
    if pen.view != "hanging":
        return
    pen.line([(0.5, top - 0.06), (0.5, top - 0.13), (0.53, top - 0.155), (0.5, top - 0.19), (0.47, top - 0.16)],
             "metal", width=0.012)  # fmt: skip
    pen.line([(0.34, top - 0.06), (0.66, top - 0.06)], "metal", width=0.014)
    for x in (0.375, 0.625):
        pen.fill(box(x - 0.018, top - 0.06, x + 0.018, top + 0.03), "glass")


def _legs(pen: Pen, *, hem: float, ankle: float, stance: float, hip: float = 0.185) -> None:
    """Two legs from the waist; ``stance`` moves the feet apart."""
    for flip in (False, True):
        leg = [
            (0.5, 0.06, 1), (0.645, 0.05, 1), (0.66, 0.12), (0.5 + hip, 0.24), (0.5 + hip - 0.01 + stance * 0.5, 0.60),
            (0.60 + ankle + stance, hem, 1), (0.60 - ankle + stance, hem + 0.008, 1), (0.535 + stance * 0.4, 0.62),
            (0.502, 0.345, 1),
        ]  # fmt: skip
        pen.fill(mirror(leg) if flip else leg, shade=0.97 if flip else 1.0, grain=3 if flip else -3)


def _waistband(pen: Pen, paint: str = "body", *, left: float = 0.352) -> None:
    pen.fill(
        symmetric([(0.5, 0.03), (1 - left, 0.02, 1), (1 - left + 0.006, 0.075, 1), (0.5, 0.088)]), paint, shade=0.9
    )
    pen.line([(left - 0.004, 0.075), (0.5, 0.088), (1.004 - left, 0.075)], width=0.006)
    for x in (0.385, 0.46, 0.54, 0.615):
        pen.fill(box(x - 0.008, 0.02, x + 0.008, 0.092), paint, shade=1.08)


def _jeans_details(pen: Pen, hem: float | None, ankle: float, stance: float) -> None:
    """Curved front pockets, fly and orange stitching, rivets and the waist button."""
    pen.line_both([(0.565, 0.09), (0.585, 0.155), (0.665, 0.17)], width=0.008)
    pen.line_both([(0.557, 0.09), (0.578, 0.166), (0.666, 0.182)], "stitch", width=0.007, dashed=True)
    pen.line([(0.54, 0.09), (0.54, 0.22), (0.503, 0.27)], "stitch", width=0.007, dashed=True)
    pen.line([(0.5, 0.09), (0.5, 0.35)], width=0.009)
    pen.line([(0.352, 0.082), (0.5, 0.094), (0.648, 0.082)], "stitch", width=0.006, dashed=True)
    pen.button(0.5, 0.056, 0.016, "metal")
    for x in (0.563, 0.655):
        pen.button(x, 0.17 if x > 0.6 else 0.1, 0.006, "metal")
        pen.button(1 - x, 0.17 if x > 0.6 else 0.1, 0.006, "metal")
    if hem is not None:
        pen.line_both([(0.60 - ankle + stance, hem - 0.025), (0.60 + ankle + stance, hem - 0.03)], "stitch",
                      width=0.007, dashed=True)  # fmt: skip
        pen.line_both([(0.648, 0.2), (0.655 + stance * 0.5, 0.60), (0.585 + ankle + stance, hem - 0.03)], "stitch",
                      width=0.006, dashed=True)  # fmt: skip


def _folded_leg(pen: Pen, *, denim: bool) -> None:
    """Folded in half lengthwise: one leg in front of the other, seen from the side of the back pocket."""
    hem, ankle = pen.vary(0.98, 1.08), pen.vary(0.075, 0.10)
    back = [(0.40, 0.03, 1), (0.62, 0.03, 1), (0.67, 0.30, 1), (0.60, 0.42), (0.53 + ankle, hem, 1),
            (0.53 - ankle, hem, 1), (0.40, 0.5)]  # fmt: skip
    pen.fill(shift(back, 0.025, -0.012), shade=0.72)
    pen.fill(back)
    pen.fill([(0.398, 0.02, 1), (0.622, 0.02, 1), (0.63, 0.078, 1), (0.397, 0.078, 1)], shade=0.88)
    paint, dashed = ("stitch", True) if denim else ("seam", False)
    pen.line([(0.395, 0.084), (0.632, 0.084)], paint, width=0.007, dashed=dashed)
    if denim:
        pen.fill([(0.455, 0.14, 1), (0.585, 0.14, 1), (0.585, 0.26, 1), (0.52, 0.30, 1), (0.455, 0.26, 1)], shade=1.08)
        pen.line([(0.463, 0.15), (0.463, 0.256, 1), (0.52, 0.29, 1), (0.577, 0.256, 1), (0.577, 0.15)], paint,
                 width=0.007, dashed=True)  # fmt: skip
        pen.line([(0.465, 0.20), (0.52, 0.235), (0.575, 0.20)], paint, width=0.007)
    else:
        pen.line([(0.47, 0.16), (0.58, 0.16)], width=0.012)
        pen.line([(0.50, 0.3), (0.53, hem)], "fold", width=0.012)
    pen.line([(0.53 - ankle, hem - 0.03), (0.53 + ankle, hem - 0.03)], paint, width=0.007, dashed=dashed)


def jeans(pen: Pen) -> None:
    """Denim trousers: stitching, rivets, curved pockets."""
    if pen.view == "folded":
        _folded_leg(pen, denim=True)
        return
    hem, ankle, stance = pen.vary(1.0, 1.1), pen.vary(0.055, 0.085), pen.vary(0.0, 0.07)
    _legs(pen, hem=hem, ankle=ankle, stance=stance)
    _waistband(pen)
    _jeans_details(pen, hem, ankle, stance)
    _clips(pen, 0.03)


def trousers(pen: Pen) -> None:
    """Suit trousers: pressed creases, slanted pockets, no stitching."""
    if pen.view == "folded":
        _folded_leg(pen, denim=False)
        return
    hem, ankle, stance = pen.vary(1.02, 1.12), pen.vary(0.07, 0.095), pen.vary(0.0, 0.06)
    _legs(pen, hem=hem, ankle=ankle, stance=stance, hip=0.19)
    _waistband(pen, left=0.354)
    pen.line([(0.5, 0.09), (0.5, 0.35)], width=0.007)
    pen.line_both([(0.60, 0.09), (0.65, 0.19)], width=0.010)
    pen.line_both([(0.585, 0.10), (0.595 + stance * 0.4, 0.55), (0.60 + stance, hem)], "fold", width=0.012)
    _clips(pen, 0.03)


def shorts(pen: Pen) -> None:
    """Two wide, short legs."""
    hem, flare = pen.vary(0.50, 0.60), pen.vary(0.02, 0.06)
    for flip in (False, True):
        leg = [(0.5, 0.06, 1), (0.675, 0.05, 1), (0.70, 0.15), (0.735, 0.3), (0.745 + flare, hem, 1),
               (0.525 + flare * 0.5, hem + 0.03, 1), (0.502, 0.36, 1)]  # fmt: skip
        pen.fill(mirror(leg) if flip else leg, shade=0.97 if flip else 1.0, grain=4 if flip else -4)
        edge = [(0.525 + flare * 0.5, hem - 0.005), (0.743 + flare, hem - 0.035)]
        pen.line(mirror(edge) if flip else edge, "stitch" if pen.finish == "denim" else "seam", width=0.007)
    _waistband(pen, left=0.322)
    if pen.finish == "denim":
        _jeans_details(pen, None, 0, 0)
        return
    pen.line([(0.5, 0.09), (0.5, 0.36)], width=0.008)
    pen.line_both([(0.62, 0.09), (0.69, 0.2)], width=0.010)
    if pen.chance(0.5):
        pen.line_both([(0.505, 0.075), (0.53, 0.14), (0.525, 0.19)], "cord", width=0.012)
    _clips(pen, 0.03)


def skirt(pen: Pen) -> None:
    """An A-line or pleated skirt."""
    hem, flare, pleats = pen.vary(0.58, 0.78), pen.vary(0.30, 0.40), pen.chance(0.5)
    pen.fill(symmetric([
        (0.5, 0.06), (0.635, 0.055, 1), (0.69, 0.22), (0.5 + flare, hem - 0.05, 1), (0.5 + flare * 0.62, hem + 0.005),
        (0.5 + flare * 0.3, hem - 0.01), (0.5, hem + 0.015),
    ]))  # fmt: skip
    for t in (0.12, 0.38, 0.62, 0.85) if pleats else (0.3, 0.7):
        pen.line_both([(0.5 + 0.13 * t, 0.10), (0.5 + flare * t * 0.72, 0.35), (0.5 + flare * t, hem - 0.02)],
                      "seam" if pleats else "fold", width=0.009 if pleats else 0.018)  # fmt: skip
    pen.fill(symmetric([(0.5, 0.02), (0.637, 0.015, 1), (0.642, 0.075, 1), (0.5, 0.085)]), "body", shade=0.88)
    if pen.finish == "denim":
        pen.line([(0.5, 0.09), (0.5, hem)], "stitch", width=0.007, dashed=True)
        pen.line_both([(0.56, 0.09), (0.58, 0.16), (0.66, 0.17)], "stitch", width=0.007, dashed=True)
        pen.button(0.5, 0.05, 0.015, "metal")
    _clips(pen, 0.03)


def socks(pen: Pen) -> None:
    """Two socks, toes to the right."""
    height = pen.vary(0.42, 0.62)
    for place in range(2):
        dx, dy = place * pen.vary(0.20, 0.27), place * pen.vary(-0.02, 0.05)
        sock = [
            (0.20, 0.72 - height, 1), (0.36, 0.72 - height, 1), (0.355, 0.60), (0.40, 0.70), (0.54, 0.745),
            (0.565, 0.81), (0.50, 0.855), (0.36, 0.84), (0.235, 0.83), (0.195, 0.75), (0.215, 0.62),
        ]  # fmt: skip
        lean = place * pen.vary(-9, 4)
        pen.fill(turn(shift(sock, dx, dy), lean, (0.3, 0.7)), shade=0.9 + 0.1 * place)
        cuff = [
            (0.19, 0.715 - height, 1),
            (0.37, 0.715 - height, 1),
            (0.366, 0.79 - height, 1),
            (0.195, 0.79 - height, 1),
        ]
        pen.fill(turn(shift(cuff, dx, dy), lean, (0.3, 0.7)), "trim")
        heel = [(0.213, 0.68), (0.265, 0.72), (0.27, 0.83)]
        toe = [(0.475, 0.722), (0.455, 0.79), (0.47, 0.852)]
        for path in (heel, toe):
            pen.line(turn(shift(path, dx, dy), lean, (0.3, 0.7)), width=0.010)
