"""An evaluation as a picture: confusion matrix and reliability."""

from __future__ import annotations

import importlib.util
import textwrap
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rerank.errors import InputError
from rerank.finetune.evaluation import ModelFigures, PairReport
from rerank.finetune.tables import headline, significance
from rerank.types import LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = (".png", ".svg", ".pdf")
_INK, _FAINT, _BLUE, _BEFORE = "#1f2933", "#6b7785", "#0f6cbd", "#a9b4c2"


def check_plot(path: Path) -> None:
    """Say before the work whether a plot can be drawn there; InputError otherwise."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: a plot is one of {', '.join(SUFFIXES)}; name a file that ends so")
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError("plots need matplotlib, which is not installed: pip install 'veralens[plots]'")


def write_plot(report: PairReport, path: Path) -> None:
    """Confusion matrices (before, if there is a before, and now) and the reliability diagram."""
    from matplotlib.figure import Figure

    shown = [("before", report.against), ("now", report.model)] if report.against else [("", report.model)]
    wide = len(shown) + 1
    figure = Figure(figsize=(4.3 * wide, 4.9), facecolor="white")
    panels = figure.subplots(1, wide, squeeze=False)[0]
    for axes, (title, one) in zip(panels, shown, strict=False):
        _confusion(axes, one, title)
    _reliability(panels[-1], shown)
    words: dict[str, Any] = {"ha": "left", "va": "top", "parse_math": False, "wrap": True}
    figure.text(0.015, 0.975, textwrap.fill(headline(report), 58 * wide), size=10.5, weight="bold", color=_INK, **words)
    figure.text(0.015, 0.045, significance(report), ha="left", va="bottom", size=8.5, color=_FAINT, parse_math=False)
    figure.subplots_adjust(left=1.05 / (4.3 * wide), right=0.985, top=0.8, bottom=0.2, wspace=0.45)
    temporary = path.with_name(path.name + ".tmp")
    with warnings.catch_warnings():
        # Paths may hold letters that matplotlib's font lacks: boxes are drawn for them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=150)
    temporary.replace(path)


def _confusion(axes: Axes, one: ModelFigures, title: str) -> None:
    totals = one.confusion.sum(axis=1, keepdims=True).clip(min=1)
    shares = one.confusion / totals
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(len(LABELS)):
        for column in range(len(LABELS)):
            share = shares[row, column]
            axes.text(column, row, f"{one.confusion[row, column]}\n{share:.0%}", ha="center", va="center",
                      color="white" if share > 0.55 else _INK, size=10)  # fmt: skip
    axes.set_xticks(range(3), LABELS, size=8.5)
    axes.set_yticks(range(3), LABELS, size=8.5)
    axes.set_xlabel("verdict", size=9)
    axes.set_ylabel("label", size=9)
    axes.tick_params(length=0)
    accuracy = one.metrics["accuracy"]
    prefix = f"{title}: " if title else ""
    axes.set_title(
        f"{prefix}accuracy {accuracy.value:.3f} [{accuracy.low:.3f}, {accuracy.high:.3f}]", loc="left", size=10
    )


def _reliability(axes: Axes, shown: list[tuple[str, ModelFigures]]) -> None:
    axes.plot([0, 1], [0, 1], color="#c5cdd8", linewidth=1)
    for (title, one), colour in zip(shown, (_BLUE,) if len(shown) == 1 else (_BEFORE, _BLUE), strict=True):
        label = f"{title + ', ' if title else ''}ECE {one.calibration_error:.3f}"
        axes.plot(
            [b.confidence for b in one.bins], [b.accuracy for b in one.bins], color=colour, linewidth=1, label=label
        )
        most = max(b.count for b in one.bins)
        sizes = [12 + 130 * b.count / most for b in one.bins]
        axes.scatter([b.confidence for b in one.bins], [b.accuracy for b in one.bins], s=sizes, color=colour, zorder=3)
    axes.set_xlim(0.3, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("confidence (area: rows)", size=9)
    axes.set_ylabel("share that is right", size=9)
    axes.grid(color="#e4e8ed", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    axes.set_title("reliability", loc="left", size=10)
