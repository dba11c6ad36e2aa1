"""Small pictures for tests."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.fakes import COLOURS


def paint(path: Path, colour: str | tuple[int, int, int], size: tuple[int, int] = (40, 30)) -> Path:
    """Write a picture of one colour; the format follows the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, COLOURS[colour] if isinstance(colour, str) else colour).save(path)
    return path


def paint_all(folder: Path) -> dict[str, Path]:
    """A picture of every colour, named after it."""
    return {colour: paint(folder / f"{colour}.png", colour) for colour in COLOURS}


def shade(number: int) -> tuple[int, int, int]:
    """A colour of its own for each number."""
    return (number * 37 % 256, number * 101 % 256, number // 256 * 16 % 256)
