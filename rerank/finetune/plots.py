"""An evaluation as pictures: confusion matrix and reliability, and the worst rows as a contact sheet."""

from __future__ import annotations

import importlib.util
import textwrap
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, ImageFont

from rerank.errors import ImageError, InputError
from rerank.finetune.evaluation import ModelFigures, PairReport, worst
from rerank.finetune.tables import headline, significance
from rerank.images import load_image
from rerank.types import LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = (".png", ".svg", ".pdf")
SHEET_ROWS, SHEET_COLUMNS = 3, 4
TILE, CAPTION = 260, 112
_INK, _FAINT, _BLUE, _BEFORE = "#1f2933", "#6b7785", "#0f6cbd", "#a9b4c2"
_COLOURS = {"entailment": "#15803d", "neutral": "#a16207", "contradiction": "#b91c1c"}


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


def write_sheet(report: PairReport, path: Path) -> int:
    """The worst rows as a PNG: picture, statement, label, verdict; how many there were comes back."""
    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: a contact sheet is a .png; name a file that ends so")
    places = worst(report.judged, SHEET_ROWS * SHEET_COLUMNS)
    columns = min(SHEET_COLUMNS, max(1, len(places)))
    rows = max(1, -(-len(places) // columns))
    sheet = Image.new("RGB", (columns * TILE, rows * (TILE + CAPTION)), "white")
    if not places:
        ImageDraw.Draw(sheet).text((16, 16), "no row is wrong", fill=_INK, font=_font(18))
    for number, place in enumerate(places):
        pair, found = report.judged.pairs[place], report.judged.probabilities[place]
        corner = (number % columns * TILE, number // columns * (TILE + CAPTION))
        _tile(
            sheet, corner, pair.image, pair.hypothesis, str(pair.label), LABELS[int(found.argmax())], float(found.max())
        )
    temporary = path.with_name(path.name + ".tmp")
    sheet.save(temporary, format="PNG")
    temporary.replace(path)
    return len(places)


def _tile(
    sheet: Image.Image, corner: tuple[int, int], image: Path, text: str, label: str, verdict: str, confidence: float
) -> None:
    pen, (x, y) = ImageDraw.Draw(sheet), corner
    try:
        picture = load_image(image, max_side=TILE)
        picture.thumbnail((TILE - 12, TILE - 12))
        sheet.paste(picture, (x + (TILE - picture.width) // 2, y + (TILE - picture.height) // 2))
    except ImageError as error:
        pen.text((x + 8, y + 8), textwrap.fill(str(error), 34), fill=_FAINT, font=_font(12))
    lines = textwrap.wrap(text, 34)[:3]
    pen.multiline_text((x + 8, y + TILE), "\n".join(lines), fill=_INK, font=_font(14), spacing=3)
    pen.text((x + 8, y + TILE + 60), f"label: {label}", fill=_COLOURS[label], font=_font(13))
    pen.text((x + 8, y + TILE + 80), f"verdict: {verdict}, {confidence:.2f}", fill=_COLOURS[verdict], font=_font(13))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


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
