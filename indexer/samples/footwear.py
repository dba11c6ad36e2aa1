"""Shoes of all sorts, in side view with the toe to the right, or from above."""

from __future__ import annotations

from collections.abc import Callable

from indexer.samples.canvas import Outline, Pen, ellipse, shift, turn


class _Side:
    """A pen moved to where one shoe of the pair stands."""

    def __init__(self, pen: Pen, dx: float, dy: float, tilt: float, shade: float) -> None:
        self._pen, self._move, self._tilt, self._shade = pen, (dx, dy), tilt, shade

    def _at(self, outline: Outline) -> Outline:
        return shift(turn(outline, self._tilt, (0.5, 0.6)), *self._move)

    def fill(self, outline: Outline, paint: str = "body", *, shade: float = 1.0, grain: float = 0.0) -> None:
        self._pen.fill(self._at(outline), paint, shade=shade * self._shade, grain=grain)

    def line(self, path: Outline, paint: str = "seam", *, width: float = 0.009, dashed: bool = False) -> None:
        self._pen.line(self._at(path), paint, width=width, dashed=dashed)


def _stand(pen: Pen, shoe: Callable[[Pen, _Side], None], *, apart: tuple[float, float] = (0.16, 0.10)) -> None:
    """One shoe, or two: the farther one behind, a little higher."""
    state = pen.rng.getstate()
    if pen.view != "side":
        shoe(pen, _Side(pen, -apart[0], -apart[1], pen.vary(-3, 3), 0.88))
    pen.rng.setstate(state)  # both shoes of a pair have the same cut
    shoe(pen, _Side(pen, 0.0, 0.0, 0.0, 1.0))


def _lace_up(pen: Pen, side: _Side) -> None:
    toe = pen.vary(0.0, 0.03)
    side.fill([(0.12, 0.64, 1), (0.90, 0.645), (0.93 + toe, 0.66), (0.92 + toe, 0.685, 1), (0.40, 0.685, 1),
               (0.385, 0.665, 1), (0.34, 0.665, 1), (0.335, 0.72, 1), (0.125, 0.72, 1)], "heel")  # fmt: skip
    side.fill([(0.13, 0.40, 1), (0.20, 0.415), (0.30, 0.40), (0.40, 0.37, 1), (0.50, 0.44), (0.62, 0.50), (0.80, 0.525),
               (0.93 + toe, 0.58), (0.925 + toe, 0.655, 1), (0.125, 0.655, 1), (0.11, 0.52)])  # fmt: skip
    side.fill([(0.14, 0.395, 1), (0.20, 0.41), (0.30, 0.395), (0.395, 0.368, 1), (0.35, 0.345), (0.22, 0.36)], "inside")
    side.line([(0.70, 0.512), (0.665, 0.57), (0.69, 0.65)], width=0.010)
    side.line([(0.32, 0.40), (0.36, 0.52), (0.52, 0.58), (0.58, 0.49)], width=0.010)
    side.line([(0.30, 0.54), (0.24, 0.65)], width=0.008)
    for i in range(4):
        side.line([(0.415 + i * 0.042, 0.385 + i * 0.030), (0.375 + i * 0.042, 0.425 + i * 0.030)], "lace", width=0.013)


def shoes(pen: Pen) -> None:
    """Low lace-up shoes with a heel."""
    _stand(pen, _lace_up)


def _sneaker(pen: Pen, side: _Side) -> None:
    high = pen.vary(-0.05, 0.02)
    side.fill([(0.11, 0.36 + high, 1), (0.17, 0.40 + high), (0.28, 0.385 + high), (0.37, 0.31 + high, 1),
               (0.46, 0.40), (0.60, 0.48), (0.78, 0.515), (0.90, 0.575), (0.92, 0.66, 1), (0.115, 0.66, 1),
               (0.125, 0.5)])  # fmt: skip
    side.fill([(0.12, 0.36 + high, 1), (0.17, 0.395 + high), (0.28, 0.38 + high), (0.365, 0.315 + high, 1),
               (0.25, 0.29 + high)], "inside")  # fmt: skip
    side.fill(
        [(0.76, 0.512, 1), (0.86, 0.54), (0.91, 0.60), (0.925, 0.665, 1), (0.745, 0.665, 1), (0.72, 0.58)], "sole"
    )
    side.fill([(0.095, 0.635, 1), (0.50, 0.65), (0.93, 0.635, 1), (0.945, 0.69), (0.92, 0.735, 1), (0.12, 0.735, 1),
               (0.09, 0.69)], "sole")  # fmt: skip
    side.line([(0.10, 0.685), (0.5, 0.695), (0.94, 0.685)], "band", width=0.012)
    side.line([(0.30, 0.40 + high), (0.36, 0.54), (0.56, 0.57), (0.60, 0.485)], width=0.009)
    side.line([(0.135, 0.52), (0.22, 0.53), (0.235, 0.63)], width=0.009)
    for i in range(5):
        x, y = 0.385 + i * 0.043, 0.345 + high * (1 - i / 4) + i * 0.032
        side.line([(x + 0.015, y - 0.012), (x - 0.045, y + 0.045)], "laces", width=0.016)


def sneakers(pen: Pen) -> None:
    """Sports shoes: thick pale sole, rubber toe, laces."""
    _stand(pen, _sneaker)


def _boot(pen: Pen, side: _Side) -> None:
    top, heel = pen.vary(0.0, 0.12), pen.vary(0.78, 0.80)
    side.fill([(0.20, 0.70, 1), (0.82, 0.715, 1), (0.83, 0.745), (0.80, 0.765, 1), (0.46, 0.76, 1), (0.43, heel, 1),
               (0.21, heel, 1)], "heel")  # fmt: skip
    side.fill([(0.20, top, 1), (0.47, top, 1), (0.465, 0.30), (0.47, 0.45), (0.56, 0.55), (0.72, 0.585), (0.82, 0.65),
               (0.825, 0.725, 1), (0.20, 0.725, 1), (0.185, 0.62), (0.215, 0.45)])  # fmt: skip
    side.fill([(0.19, top - 0.01, 1), (0.48, top - 0.01, 1), (0.478, top + 0.06, 1), (0.193, top + 0.06, 1)], "trim")
    side.line([(0.21, 0.46), (0.33, 0.50), (0.47, 0.47)], "fold", width=0.016)
    side.line([(0.34, top + 0.06), (0.34, 0.48)], width=0.009)
    side.line([(0.63, 0.565), (0.60, 0.64), (0.62, 0.715)], width=0.009)


def boots(pen: Pen) -> None:
    """Boots with a high shaft."""
    _stand(pen, _boot, apart=(0.22, 0.03))


def _stiletto(pen: Pen, side: _Side) -> None:
    lift = pen.vary(0.0, 0.05)
    side.fill([(0.10, 0.36 - lift, 1), (0.21, 0.43, 1), (0.165, 0.55), (0.150, 0.76, 1), (0.120, 0.76, 1),
               (0.115, 0.58)], "body", shade=0.82)  # fmt: skip
    side.fill([(0.11, 0.24 - lift, 1), (0.14, 0.30), (0.27, 0.40), (0.48, 0.57), (0.60, 0.60, 1), (0.66, 0.585, 1),
               (0.80, 0.66), (0.93, 0.735), (0.90, 0.755, 1), (0.60, 0.75), (0.45, 0.68), (0.25, 0.50), (0.12, 0.46),
               (0.085, 0.36)])  # fmt: skip
    side.fill([(0.14, 0.275 - lift, 1), (0.27, 0.385), (0.48, 0.555), (0.60, 0.595, 1), (0.655, 0.585, 1), (0.58, 0.56),
               (0.40, 0.43), (0.24, 0.30)], "inside")  # fmt: skip
    side.line([(0.91, 0.755), (0.60, 0.752), (0.45, 0.685), (0.25, 0.505)], "heel", width=0.014)


def high_heels(pen: Pen) -> None:
    """Pumps on a thin, high heel."""
    _stand(pen, _stiletto, apart=(0.17, 0.08))


def flip_flops(pen: Pen) -> None:
    """Two soles from above with a Y-shaped strap."""
    for flip in (False, True):
        dx = 0.23 if flip else -0.23
        lean = pen.vary(-2, 12) * (1 if flip else -1)
        sign = 1 if flip else -1

        def at(outline: Outline, sign: int = sign, dx: float = dx, lean: float = lean) -> Outline:
            return shift(turn([(0.5 + sign * (p[0] - 0.5), *p[1:]) for p in outline], lean, (0.5, 0.5)), dx, 0)

        sole = [(0.48, 0.08), (0.60, 0.10), (0.665, 0.22), (0.63, 0.50), (0.625, 0.75), (0.60, 0.90), (0.48, 0.93),
                (0.39, 0.86), (0.385, 0.68), (0.36, 0.45), (0.35, 0.20)]  # fmt: skip
        pen.fill(shift(at(sole), 0.012, 0.016), "sole", shade=0.8)
        pen.fill(at(sole))
        pen.line(at([(0.365, 0.46), (0.40, 0.32), (0.50, 0.23)]), "strap", width=0.045)
        pen.line(at([(0.635, 0.46), (0.60, 0.32), (0.50, 0.23)]), "strap", width=0.045)
        pen.fill(at(ellipse(0.5, 0.22, 0.024, 0.024)), "strap")
