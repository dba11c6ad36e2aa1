"""Known things in new colours: drawings of one dominant hue, turned into another colour that has a name.

A third of what people ask a product search for is a colour, and no labelled set we may train on has colours
apart from things. The (colour, concept) pairs of split "test" are never trained on, though both halves are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from recipes.pictures import Picture, read_lines, split_of
from recipes.rendering import parallel

SOURCES = ("noto", "fluent_flat", "fluent_3d", "openclipart")
# name -> hue in degrees (None: no hue), factor of saturation, factor of brightness
COLOURS: dict[str, tuple[float | None, float, float]] = {
    "red": (0, 1.0, 0.95),
    "orange": (27, 1.05, 1.05),
    "yellow": (52, 1.0, 1.15),
    "green": (125, 0.95, 0.85),
    "turquoise": (177, 0.9, 0.95),
    "blue": (217, 1.0, 0.95),
    "purple": (277, 0.9, 0.9),
    "pink": (333, 0.6, 1.25),
    "brown": (24, 0.9, 0.5),
    "grey": (None, 0.0, 0.75),
    "black": (None, 0.0, 0.25),
}
COLOUR_WORDS = re.compile(
    r"\b(red|orange|yellow|green|turquoise|blue|purple|violet|pink|brown|gr[ae]y|black|white|gold|golden|silver|"
    r"dark|light|colou?rs?|colou?red)\b"
)
PER_PICTURE = 3
MOST_WORDS = 3
SATURATED, BRIGHT, WITHIN = 0.3, 0.2, 28.0


@dataclass(frozen=True)
class Task:
    """One picture to turn into each of `colours`."""

    folder: Path
    picture: Picture
    concept: str
    colours: tuple[str, ...]


def dominant(hsv: np.ndarray, visible: np.ndarray) -> tuple[float, np.ndarray] | None:
    """The mean hue in degrees and which pixels have it, where most of what is visible has one hue."""
    hue = hsv[..., 0] * (360 / 255)
    strong = visible & (hsv[..., 1] > 255 * SATURATED) & (hsv[..., 2] > 255 * BRIGHT)
    if strong.sum() < 0.45 * visible.sum() or not strong.any():
        return None
    angles = np.deg2rad(hue[strong])
    mean = float(np.rad2deg(np.arctan2(np.sin(angles).mean(), np.cos(angles).mean()))) % 360
    distance = np.abs((hue - mean + 180) % 360 - 180)
    chosen = visible & (distance < WITHIN) & (hsv[..., 1] > 255 * 0.15)
    return (mean, chosen) if (chosen & strong).sum() > 0.8 * strong.sum() else None


def recoloured(hsv: np.ndarray, mean: float, chosen: np.ndarray, colour: str) -> Image.Image:
    """The picture with the pixels of its dominant hue in another colour, shading kept."""
    target, saturation, brightness = COLOURS[colour]
    out = hsv.copy()
    if target is not None:
        spread = ((hsv[..., 0] * (360 / 255) - mean + 180) % 360 - 180) * 0.5
        out[..., 0] = np.where(chosen, ((target + spread) % 360) * (255 / 360), out[..., 0])
    out[..., 1] = np.where(chosen, np.clip(hsv[..., 1] * saturation, 0, 255), out[..., 1])
    out[..., 2] = np.where(chosen, np.clip(hsv[..., 2] * brightness, 0, 255), out[..., 2])
    return Image.fromarray(out.astype(np.uint8), "HSV").convert("RGB")


def recolour(task: Task) -> list[Picture]:
    """Write the recoloured copies of one picture; none where it has no dominant hue."""
    with Image.open(task.folder / task.picture.path) as image:
        hsv = np.asarray(image.convert("RGB").convert("HSV"), np.float32)
    with Image.open(task.folder / task.picture.alpha) as mask:
        visible = np.asarray(mask) > 128
    found = dominant(hsv, visible)
    made: list[Picture] = []
    for colour in task.colours if found else ():
        assert found is not None
        path = Path("recoloured") / task.picture.source / f"{Path(task.picture.path).stem}-{colour}.png"
        (task.folder / path).parent.mkdir(parents=True, exist_ok=True)
        recoloured(hsv, *found, colour).save(task.folder / path)
        made.append(
            Picture(
                path=str(path),
                captions=(f"{colour} {task.concept}",),
                concept=task.concept,
                source=task.picture.source,
                kind="recoloured",
                role="train",
                split=split_of(f"{colour}|{task.concept}"),
                colour=colour,
                alpha=task.picture.alpha,
            )
        )
    return made


def tasks(folder: Path) -> Iterator[Task]:
    """Pictures worth recolouring: trainable things with a short name, no faces or gestures."""
    rng = random.Random(0)
    for part in ("emoji", "clipart"):
        for picture in read_lines(folder / f"{part}.jsonl"):
            concept = " ".join(COLOUR_WORDS.sub(" ", picture.concept).split())
            human = re.search(r"\b(face|hand|finger|person|man|woman|people|boy|girl|skin|flag|sign)\b", concept)
            short = concept and len(concept.split()) <= MOST_WORDS
            if picture.source in SOURCES and picture.split == "train" and picture.alpha and short and not human:
                yield Task(folder, picture, concept, tuple(rng.sample(sorted(COLOURS), PER_PICTURE)))


def pictures(folder: Path, workers: int) -> list[Picture]:
    """Recolour what emoji and clip-art there are."""
    return [picture for made in parallel(recolour, list(tasks(folder)), workers) for picture in made]
