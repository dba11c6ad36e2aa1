"""Which of the index's pictures the reranker is trained, validated and tested on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from recipes.emoji import STYLES
from recipes.pictures import Picture, folder_of, held_out, names_held_out, read_index
from recipes.reranker.drawn import Record

# Kind -> most pictures used for training, validation and test.
MOST = {"emoji": (5200, 120, 200), "clipart": (2030, 80, 200), "recoloured": (2200, 120, 200), "icon": (2500, 0, 0)}


def named_records(cache: Path) -> dict[str, list[Record]]:
    """Records of the sets ``named`` (training), ``named_valid`` and ``named_test``; the index's splits rule."""
    found: dict[str, list[Record]] = {"named": [], "named_valid": [], "named_test": []}
    index = read_index(cache)
    kept_out = held_out(index)
    for kind, counts in MOST.items():
        usable = [picture for picture in index if picture.kind == kind and picture.role == "train"]
        for name, split, count in zip(found, ("train", "validation", "test"), counts, strict=True):
            chosen = [picture for picture in usable if picture.split == split]
            if split == "train":
                chosen = [picture for picture in chosen if not names_held_out(picture, kept_out)]
            else:  # other styles of the same emoji would say nothing new
                chosen = [picture for picture in chosen if picture.source not in STYLES]
            found[name] += _some(chosen, count, cache)
    for name, records in found.items():
        random.Random(name).shuffle(records)
    return found


def evaluation_records(cache: Path) -> dict[str, list[Record]]:
    """Records that are never trained on: emoji of an unseen vendor, photos."""
    index = [picture for picture in read_index(cache) if picture.role == "evaluate"]
    vendor = [picture for picture in index if picture.source == "twemoji" and picture.split == "test"]
    return {
        "twemoji": _some(vendor, 150, cache),
        "tuxpaint": _some([picture for picture in index if picture.source == "tuxpaint"], 150, cache),
        "gcompris": _some([picture for picture in index if picture.source == "gcompris"], 200, cache),
    }


def _some(pictures: Sequence[Picture], count: int, cache: Path) -> list[Record]:
    rng = random.Random(21)
    chosen = rng.sample(list(pictures), min(count, len(pictures)))
    return [
        {
            "file": str(folder_of(cache) / picture.path),
            "captions": list(picture.captions),
            "concept": picture.concept,
            "kind": picture.kind,
            "colour": picture.colour,
            "source": picture.source,
        }
        for picture in chosen
    ]
