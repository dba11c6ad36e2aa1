"""Drawn machine parts with statements about them: a small domain that the bundled reranker does not know.

`write_table` draws pictures into a folder and writes the table that `veralens finetune` reads.
"""

from __future__ import annotations

import csv
import math
import random
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

KINDS = ("bolt", "gear", "washer", "spring", "wrench")
MATERIALS = {"steel": (150, 158, 168), "brass": (205, 164, 62), "copper": (184, 98, 58), "black": (46, 48, 54)}
COUNTS = {1: "a", 2: "two", 3: "three"}
UNSEEN = ("from Germany", "that costs nine euros", "that was tested last week", "for a water pump")
# Drawn large, then made small: smooth edges.
SCALE, SIZE = 3, 256


@dataclass(frozen=True)
class Part:
    """What a picture shows."""

    kind: str
    material: str
    count: int

    def words(self, kind: str | None = None, material: str | None = "", count: int | None = None) -> str:
        """``two brass gears``; what is given replaces the part's own; material None leaves it out."""
        number, name = count or self.count, kind or self.kind
        name += ("es" if name.endswith("ch") else "s") if number > 1 else ""
        stuff = self.material if material == "" else material
        return " ".join(word for word in (COUNTS[number], stuff, name) if word)


def draw(part: Part, rng: random.Random) -> Image.Image:
    """The part on a light ground, turned and shaded by chance."""
    side = SIZE * SCALE
    light = rng.randint(215, 245)
    sheet = Image.new("RGB", (side, side), (light, light, light - rng.randint(0, 14)))
    centres = {1: [(0.5, 0.5)], 2: [(0.3, 0.5), (0.7, 0.5)], 3: [(0.29, 0.3), (0.71, 0.32), (0.5, 0.72)]}[part.count]
    reach = {1: 0.34, 2: 0.19, 3: 0.19}[part.count]
    for x, y in centres:
        jitter = [rng.uniform(-0.03, 0.03) for _ in range(2)]
        radius = reach * rng.uniform(0.88, 1.08) * side
        tile = _tile(part, radius, rng).rotate(rng.uniform(0, 360), Image.Resampling.BICUBIC)
        place = (int((x + jitter[0]) * side - tile.width / 2), int((y + jitter[1]) * side - tile.height / 2))
        sheet.paste(tile, place, tile)
    return sheet.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def statements(part: Part, rng: random.Random) -> list[tuple[str, str]]:
    """A true statement, its false twin, and what no picture proves, of the right thing and of a wrong one.

    Words alone decide none of them: each form is as often true (or open) as it is false.
    """
    kind = rng.choice([name for name in KINDS if name != part.kind])
    stuff = rng.choice([name for name in MATERIALS if name != part.material])
    plain = rng.random() < 0.5
    true = part.words(material=None) if plain else part.words()
    false = (
        part.words(kind=kind, material=None)
        if plain
        else part.words(**rng.choice([{"kind": kind}, {"material": stuff}]))
    )
    unseen, said = rng.choice(UNSEEN), rng.choice(("", None))
    return [
        (true, "yes"),
        (false, "no"),
        (f"{part.words(material=said)} {unseen}", "maybe"),
        (f"{part.words(kind=kind, material=said)} {unseen}", "no"),
    ]


def write_table(folder: Path, pictures: int, seed: int) -> Path:
    """Draw ``pictures``, write four statements about each, and return the path of the table, ``pairs.csv``."""
    rng = random.Random(seed)  # noqa: S311
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    with (folder / "pairs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("image_path", "premise", "hypothesis", "label"))
        for number in range(pictures):
            part = Part(KINDS[number % len(KINDS)], rng.choice(list(MATERIALS)), rng.choice(list(COUNTS)))
            name = f"pictures/{number:04}.png"
            draw(part, rng).save(folder / name)
            table.writerows((name, "", text, label) for text, label in statements(part, rng))
    return folder / "pairs.csv"


def _tile(part: Part, radius: float, rng: random.Random) -> Image.Image:
    side = int(2.3 * radius)
    tile = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    shade = rng.uniform(0.88, 1.1)
    colour = tuple(min(255, int(channel * shade)) for channel in MATERIALS[part.material])
    dark = tuple(int(channel * 0.62) for channel in colour)
    _DRAWERS[part.kind](ImageDraw.Draw(tile), side / 2, radius, colour, dark)
    return tile


Colour = tuple[int, ...]


def _bolt(pen: ImageDraw.ImageDraw, c: float, r: float, colour: Colour, dark: Colour) -> None:
    pen.rectangle((c - 0.2 * r, c - 0.5 * r, c + 0.2 * r, c + r), fill=colour, outline=dark, width=4)
    for turn in range(9):
        y = c - 0.1 * r + turn * 0.12 * r
        pen.line((c - 0.24 * r, y, c + 0.24 * r, y + 0.08 * r), fill=dark, width=int(0.04 * r))
    pen.rounded_rectangle((c - 0.5 * r, c - r, c + 0.5 * r, c - 0.5 * r), 0.08 * r, fill=colour, outline=dark, width=6)
    for x in (-0.17, 0.17):
        pen.line((c + x * r, c - r, c + x * r, c - 0.5 * r), fill=dark, width=5)


def _gear(pen: ImageDraw.ImageDraw, c: float, r: float, colour: Colour, dark: Colour) -> None:
    outline = []
    for step in range(48):
        reach = r * (1.0 if step % 4 < 2 else 0.78)
        angle = 2 * math.pi * step / 48
        outline.append((c + reach * math.cos(angle), c + reach * math.sin(angle)))
    pen.polygon(outline, fill=colour, outline=dark, width=6)
    pen.ellipse((c - 0.3 * r, c - 0.3 * r, c + 0.3 * r, c + 0.3 * r), fill=(0, 0, 0, 0), outline=dark, width=6)


def _washer(pen: ImageDraw.ImageDraw, c: float, r: float, colour: Colour, dark: Colour) -> None:
    pen.ellipse((c - 0.85 * r, c - 0.85 * r, c + 0.85 * r, c + 0.85 * r), fill=colour, outline=dark, width=7)
    pen.ellipse((c - 0.42 * r, c - 0.42 * r, c + 0.42 * r, c + 0.42 * r), fill=(0, 0, 0, 0), outline=dark, width=7)


def _spring(pen: ImageDraw.ImageDraw, c: float, r: float, colour: Colour, dark: Colour) -> None:
    turns = [(c + 0.38 * r * math.cos(math.pi * n), c - r + 2 * r * n / 11) for n in range(12)]
    pen.line(turns, fill=dark, width=int(0.16 * r), joint="curve")
    pen.line(turns, fill=colour, width=int(0.11 * r), joint="curve")


def _wrench(pen: ImageDraw.ImageDraw, c: float, r: float, colour: Colour, dark: Colour) -> None:
    pen.rectangle((c - 0.14 * r, c - 0.6 * r, c + 0.14 * r, c + 0.6 * r), fill=colour, outline=dark, width=5)
    for sign in (-1, 1):
        y = c + sign * 0.72 * r
        pen.ellipse((c - 0.33 * r, y - 0.33 * r, c + 0.33 * r, y + 0.33 * r), fill=colour, outline=dark, width=5)
        mouth = sorted((y, y + sign * 0.4 * r))
        pen.rectangle((c - 0.13 * r, mouth[0], c + 0.13 * r, mouth[1]), fill=(0, 0, 0, 0))


_DRAWERS = {"bolt": _bolt, "gear": _gear, "washer": _washer, "spring": _spring, "wrench": _wrench}
