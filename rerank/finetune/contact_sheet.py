"""Rows of a table as a contact sheet: each picture with its statement, its label and the verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from rerank.errors import ImageError, InputError
from rerank.finetune.pairs import LabelledPair
from rerank.images import load_image
from rerank.types import Label

ROWS, COLUMNS = 3, 4
MOST = ROWS * COLUMNS
TILE, CAPTION = 260, 112
_INK, _FAINT = "#1f2933", "#6b7785"
_COLOURS = {"entailment": "#15803d", "neutral": "#a16207", "contradiction": "#b91c1c"}


def write_sheet(shown: Sequence[tuple[LabelledPair, Label, float]], path: Path, nothing: str) -> int:
    """The first twelve pairs with their verdicts and confidences as a PNG; how many there were comes back.

    ``nothing`` is what stands on the sheet where there are none.
    """
    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: a contact sheet is a .png; name a file that ends so")
    shown = shown[:MOST]
    columns = min(COLUMNS, max(1, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    sheet = Image.new("RGB", (columns * TILE, rows * (TILE + CAPTION)), "white")
    if not shown:
        ImageDraw.Draw(sheet).text((16, 16), nothing, fill=_INK, font=_font(18))
    for number, (pair, verdict, confidence) in enumerate(shown):
        corner = number % columns * TILE, number // columns * (TILE + CAPTION)
        _tile(sheet, corner, pair, f"verdict: {verdict}, {confidence:.2f}", _COLOURS[verdict])
    temporary = path.with_name(path.name + ".tmp")
    sheet.save(temporary, format="PNG")
    temporary.replace(path)
    return len(shown)


def _tile(sheet: Image.Image, corner: tuple[int, int], pair: LabelledPair, verdict: str, colour: str) -> None:
    pen, (x, y) = ImageDraw.Draw(sheet), corner
    try:
        picture = load_image(pair.image, max_side=TILE)
        picture.thumbnail((TILE - 12, TILE - 12))
        sheet.paste(picture, (x + (TILE - picture.width) // 2, y + (TILE - picture.height) // 2))
    except ImageError as error:
        pen.text((x + 8, y + 8), textwrap.fill(str(error), 34), fill=_FAINT, font=_font(12))
    lines = textwrap.wrap(pair.hypothesis, 34)[:3]
    pen.multiline_text((x + 8, y + TILE), "\n".join(lines), fill=_INK, font=_font(14), spacing=3)
    label, ink = (f"label: {pair.label}", _COLOURS[pair.label]) if pair.label else ("no label", _FAINT)
    pen.text((x + 8, y + TILE + 60), label, fill=ink, font=_font(13))
    pen.text((x + 8, y + TILE + 80), verdict, fill=colour, font=_font(13))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
