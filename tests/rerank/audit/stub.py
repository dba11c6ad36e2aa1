"""A judge without a model, and tables for it: quick, and its verdicts can be foretold."""

from __future__ import annotations

import csv
import io
import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.rerank.bombs import claiming_png, many_texts


class StubJudge:
    """Gives a text's probabilities by its checksum; ``slow`` seconds a pair, in case it is to be killed."""

    name = "stub"
    image_size = 32
    fingerprint = "stub-1"

    def __init__(self, slow: float = 0.0) -> None:
        self.slow = slow
        self.judged = 0

    def score(self, pairs: Sequence[tuple[Image.Image, str, str | None]], /) -> NDArray[np.float32]:
        time.sleep(self.slow * len(pairs))
        self.judged += len(pairs)
        return np.array([probabilities(text) for _, text, _ in pairs], dtype=np.float32).reshape(-1, 3)


def probabilities(text: str) -> tuple[float, float, float]:
    """What StubJudge says of a text: the three sum to 1."""
    number = zlib.crc32(text.encode("utf-8", "surrogatepass"))
    entailment, rest = (number % 997) / 996, (number // 997 % 101) / 100
    return entailment, (1 - entailment) * rest * 0.3, (1 - entailment) * (1 - rest * 0.3)


def write_table(path: Path, rows: Iterable[Sequence[str]], header: Sequence[str] = ("image", "text")) -> Path:
    """A CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def bad_pictures(folder: Path) -> dict[str, str]:
    """Files that are no pictures, by name, with a word of the reason that they must be listed with."""
    good = io.BytesIO()
    Image.effect_noise((64, 64), 80).convert("RGB").save(good, "JPEG")
    contents = {
        "words.jpg": (b"hello, I am words", "not an image"),
        "empty.png": (b"", "empty"),
        "cut.jpg": (good.getvalue()[:400], "runcated"),
        "bomb.png": (claiming_png(60_000, 60_000), "pixels"),
        "texts.png": (many_texts(200), ""),
        "page.html": (b"<!doctype html><p>hello", "not an image"),
        "vector.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not an image"),
    }
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    (folder / "folder.jpg").mkdir(exist_ok=True)
    found = {name: word for name, (_, word) in contents.items() if word}
    return {**found, "folder.jpg": "not a file", "gone.jpg": "does not exist", "a\0b.jpg": "exist"}


def mixed_rows(folder: Path, rows: int, bad: int, pictures: int = 12) -> tuple[Path, dict[int, str]]:
    """A table of ``rows`` rows of which ``bad`` cannot be judged, of many kinds; a word of each one's reason."""
    for number in range(pictures):
        colour = (number * 37 % 256, number * 101 % 256, number * 59 % 256)
        Image.new("RGB", (48 + number, 40), colour).save(folder / f"{number}.png")
    wrong = list(bad_pictures(folder).items())
    path, expected = folder / "mixed.csv", {}
    every = rows // bad
    with path.open("wb") as file:
        file.write(b"image,text,expected,sku\r\n")
        for number in range(1, rows + 1):
            line, reason = _line(number, number % every == every // 2 and len(expected) < bad, wrong, pictures)
            if reason is not None:
                expected[number] = reason
            file.write(line + b"\r\n")
    return path, expected


def _line(number: int, bad: bool, wrong: list[tuple[str, str]], pictures: int) -> tuple[bytes, str | None]:
    image, text = f"{number % pictures}.png", f"thing {number}, größer"
    good = f'{image},"{text}",,sku-{number}'.encode()
    if not bad:
        return good, None
    kinds: list[tuple[bytes, str]] = [(f"{name},a thing,,x".encode(), word) for name, word in wrong]
    kinds += [
        (f"{image},,,x".encode(), "text is empty"),
        (b",a thing,,x", "image is empty"),
        (f"{image},one".encode(), "2 fields"),
        (f"{image},a,b,c,d,e".encode(), "6 fields"),
        (f"{image},a thing,perhaps,x".encode(), "expected"),
        (f"{image},caf\xe9,,x".encode("latin-1"), "UTF-8"),
        (f'{image},"never closed,,x'.encode(), "quotation mark"),
        (b"img_0123456789abcdef0123,an id,,x", "collection"),
        (b"http://127.0.0.1/a.jpg,a url,,x", "URL"),
        (b"data:image/png;base64,%%%,a uri,,x", "fields"),
    ]
    return kinds[number % len(kinds)]
