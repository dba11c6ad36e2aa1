"""Quick checks while training: recall on kept maps of pictures that are not trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recipes.drawn_maps import drawn_set
from recipes.image_head import ImageHead
from recipes.pictures import Picture, read_index
from recipes.recall import recall_at, unit
from recipes.sentence_teacher import SentenceTeacher, model_folder
from recipes.sources import unpacked
from recipes.top import Top
from recipes.training_set import states_of

BATCH = 256


@dataclass(frozen=True)
class ValidationSet:
    """Pictures' maps (n, 196, 112) and, for each distinct name, the text tower's state."""

    name: str
    maps: torch.Tensor
    image_keys: list[str]
    text_keys: list[str]
    states: torch.Tensor

    def recall(self, top: Top, head: ImageHead, projection: torch.Tensor, conse_weight: float, cut: int = 1) -> float:
        """R@cut of the whole embedding as it is shipped."""
        with torch.inference_mode():
            conse, learned = head(torch.cat([top(part) for part in self.maps.split(BATCH)]))
            images = torch.cat([conse * conse_weight, learned], dim=1).numpy()
        texts = (self.states @ projection).numpy()
        return recall_at(unit(images), unit(texts), self.image_keys, self.text_keys)[f"R@{cut}"]


CHOICES: dict[str, Callable[[Picture], bool]] = {
    "emoji": lambda p: p.source in ("noto", "fluent_flat") and p.split == "validation",
    "clipart": lambda p: p.source == "openclipart" and p.kind == "clipart" and p.split == "validation",
    "icon": lambda p: p.source in ("mdi", "icon_park") and p.split == "validation",
    "recoloured": lambda p: p.kind == "recoloured" and p.split == "validation",
    "vendor": lambda p: p.source == "twemoji" and p.split == "test",
    "tuxpaint": lambda p: p.source == "tuxpaint",
    "gcompris": lambda p: p.source == "gcompris",
}


def validation_sets(cache: Path, tower: Any) -> list[ValidationSet]:
    """One set for each kind of picture there is, and the drawn scenes of unseen combinations."""
    pictures = read_index(cache)
    maps = np.load(cache / "maps" / "view0.npy", mmap_mode="r")
    teacher = SentenceTeacher(model_folder(unpacked(cache, "minilm")))
    found = []
    for name, fits in CHOICES.items():
        rows = [i for i, picture in enumerate(pictures) if fits(picture)]
        found.append((name, [pictures[i] for i in rows], maps[rows]))
    drawn, drawn_maps = drawn_set(cache, "unseen")
    single = [i for i, p in enumerate(drawn) if " and " not in p.captions[0]]
    found.append(("drawn", [drawn[i] for i in single], drawn_maps[np.array(single)]))
    sets = []
    for name, chosen, rows in found:
        if not chosen:
            continue
        keys = [picture.captions[0] for picture in chosen]
        names = sorted(set(keys))
        states = states_of(tower, teacher.tokenize(names))
        sets.append(ValidationSet(name, torch.from_numpy(rows).to(torch.bfloat16), keys, names, states))
    return sets
