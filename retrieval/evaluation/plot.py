"""A report as a picture: for each data set the metrics before and after reranking, with their intervals."""

from __future__ import annotations

import importlib.util
import math
import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rerank.bootstrap import Estimate
from rerank.errors import InputError
from retrieval.atomic import write_atomically
from retrieval.evaluation.metrics import TITLES
from retrieval.evaluation.report import Report, SetReport
from retrieval.evaluation.tables import asked, headline, parts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
DOTS_PER_INCH = 150
_SIMILARITY, _RERANKED, _INK, _FAINT = "#a9b4c2", "#0f6cbd", "#1f2933", "#6b7785"
# In inches.
_PANEL = (5.0, 3.7)
_LEFT, _RIGHT, _HEAD, _FOOT = 0.55, 0.1, 1.3, 1.05
_LINE = 0.17
_LONGEST_NAME = 56


def check_plot(path: Path) -> None:
    """Say before hours of work whether a plot can be drawn there.

    Raises:
        InputError: matplotlib is not installed, or the suffix is not one of ``SUFFIXES``.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: a plot is one of {', '.join(SUFFIXES)}; name a file that ends so")
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError("plots need matplotlib, which is not installed: pip install 'veralens[plots]'")


def write_plot(report: Report, path: Path) -> None:
    """Draw the report into a file of one of ``SUFFIXES``.

    Raises:
        InputError: as ``check_plot``.
    """
    check_plot(path)
    with warnings.catch_warnings():
        # A data set may be named in letters that matplotlib's font lacks: boxes are drawn for them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure = _figure(report)
        write_atomically(path, lambda file: figure.savefig(file, format=path.suffix[1:].lower(), dpi=DOTS_PER_INCH))


def _figure(report: Report) -> Figure:
    # Not pyplot: nothing global, no window system.
    from matplotlib.figure import Figure

    shown = parts(report)
    columns = len(shown) if len(shown) <= 3 else 2 if len(shown) == 4 else 3
    rows = math.ceil(len(shown) / columns)
    # One panel alone is wider, so that the title has room.
    width = _LEFT + _RIGHT + (columns * _PANEL[0] if columns > 1 else 1.4 * _PANEL[0])
    # Names of models are long: as many letters as there is room for beside the legend.
    models = textwrap.fill(
        headline(report).removeprefix(f"{report.conditions.collection}: "), int((width - _LEFT - 1.4) * 13)
    )
    head = _HEAD + _LINE * models.count("\n")
    height = rows * _PANEL[1] + head + _FOOT - 0.7
    figure = Figure(figsize=(width, height), facecolor="white")
    panels = figure.subplots(rows, columns, squeeze=False)
    for place, axes in enumerate(panels.flat):
        if place < len(shown):
            _panel(axes, shown[place])
        else:
            axes.set_axis_off()
    _around(figure, report, models, head)
    return figure


def _around(figure: Figure, report: Report, models: str, head: float) -> None:
    """Title, legend and what the bars mean, at distances in inches whatever the number of panels."""
    width, height = figure.get_size_inches()
    left, found = _LEFT / width, report.conditions
    words: dict[str, Any] = {"ha": "left", "va": "top", "parse_math": False}
    figure.text(
        left, 1 - 0.14 / height, f"Retrieval on {found.collection}", size=14, weight="bold", color=_INK, **words
    )
    figure.text(left, 1 - 0.46 / height, models, size=9.5, color=_FAINT, **words)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if len(handles) > 1:
        place = (1 - _RIGHT / width, 1 - 0.06 / height)
        figure.legend(handles, labels, loc="upper right", bbox_to_anchor=place, frameon=False, borderpad=0)
    meaning = f"Bars: means over queries, with {found.confidence:.0%} confidence intervals (bootstrap over queries)."
    if found.reranker is not None:
        meaning += "\nBelow: what reranking gains, in bold where the interval of the paired difference leaves out 0."
    figure.text(left, 0.1 / height, meaning, ha="left", va="bottom", size=8.5, color=_FAINT, linespacing=1.4)
    figure.subplots_adjust(
        left=left,
        right=1 - _RIGHT / width,
        top=1 - head / height,
        bottom=_FOOT / height,
        hspace=0.42,
        wspace=0.13,
    )


def _panel(axes: Axes, part: SetReport) -> None:
    found = list(part.metrics.values())
    reranked = [one.reranked for one in found if one.reranked is not None]
    if reranked:
        _bars(axes, [one.similarity for one in found], "similarity", _SIMILARITY, -0.2, 0.38)
        _bars(axes, reranked, "reranked", _RERANKED, 0.2, 0.38)
    else:
        _bars(axes, [one.similarity for one in found], "similarity", _RERANKED, 0.0, 0.5)
    _differences(axes, [one.difference for one in found])
    axes.set_xticks(range(len(found)), [TITLES[key] for key in part.metrics])
    axes.set_xlim(-0.55, len(found) - 0.45)
    axes.set_ylim(0.0, 1.1)
    axes.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", ".25", ".5", ".75", "1"])
    axes.tick_params(length=0, colors=_INK, labelsize=9.5)
    axes.tick_params(axis="y", colors=_FAINT)
    axes.grid(axis="y", color="#e4e8ed", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#c3cad3")
    name = part.name if len(part.name) <= _LONGEST_NAME else part.name[: _LONGEST_NAME - 1] + "…"
    axes.set_title(name, loc="left", size=11, pad=20, weight=700, color=_INK, parse_math=False)
    axes.text(0.0, 1.03, asked(part), transform=axes.transAxes, size=9, color=_FAINT)


def _differences(axes: Axes, found: Sequence[Estimate | None]) -> None:
    """What reranking gains, written below the names of the metrics."""
    below = axes.get_xaxis_transform()
    for place, one in enumerate(found):
        if one is None:
            continue
        sure = one.low > 0.0 or one.high < 0.0
        text = f"{one.value + 0.0:+.{3 if 0 < abs(one.value) < 0.01 else 2}f}".replace("0.", ".")
        colour, weight = (_INK, 700) if sure else (_FAINT, 400)
        axes.text(place, -0.125, text, transform=below, ha="center", va="center", size=8.5, color=colour, weight=weight)


def _bars(axes: Axes, found: Sequence[Estimate], label: str, colour: str, shift: float, width: float) -> None:
    """One series of bars with its intervals, each value written above its interval."""
    places = [place + shift for place in range(len(found))]
    heights = [one.value for one in found]
    # The value may lie a rounding error outside the interval of a share that is the same for all queries.
    below = [max(0.0, one.value - one.low) for one in found]
    above = [max(0.0, one.high - one.value) for one in found]
    line = {"elinewidth": 1.1, "capsize": 2.5, "ecolor": _INK}
    axes.bar(places, heights, width, label=label, color=colour, yerr=[below, above], error_kw=line)
    for place, one in zip(places, found, strict=True):
        # Nothing is called 1 that is less.
        text = "1.0" if one.value > 0.9995 else f"{one.value:.{2 if one.value < 0.995 else 3}f}".removeprefix("0")
        axes.annotate(
            text, (place, max(one.high, one.value)), (0, 3), textcoords="offset points", ha="center", size=8, color=_INK
        )
