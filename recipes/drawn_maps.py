"""Drawn scenes for the encoder: taken from the maps that `recipes.reranker.features` has already made.

Scenes are drawn and put through the frozen trunk once, for both models: drawing is slower than encoding.
The reranker keeps the map of 14 x 14 cells with four cells side by side in one; here they are laid out again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.samples.scenes import caption, item_phrase
from indexer.samples.types import Scene
from recipes.maps import CELLS, CHANNELS
from recipes.pictures import Picture, Split
from recipes.reranker.drawn import scene_of
from recipes.reranker.features import open_features

COLOUR = 48  # the reranker's first channels: averaged pixels
SIDE = 14
SETS: dict[str, Split] = {"train": "train", "valid": "validation", "unseen": "test", "catalogue": "test"}


def picture_of(scene: Scene, name: str, path: str, raw: dict[str, object]) -> Picture:
    names = [caption(scene)]
    if len(scene.items) == 1:
        names.append(item_phrase(scene.items[0], article=False))
    return Picture(
        path=path,
        captions=tuple(dict.fromkeys(names)),
        concept=" and ".join(item.kind for item in scene.items),
        source="catalogue" if name == "catalogue" else "drawn",
        kind="drawn",
        role="train",
        split=SETS[name],
        colour=scene.items[0].colour if len(scene.items) == 1 else "",
        scene=raw,
    )


def unshuffled(cells: np.ndarray) -> np.ndarray:
    """(n, 49, channels) of the reranker's stem to the trunk's maps (n, 196, 112)."""
    half = SIDE // 2
    inner = cells[:, :, COLOUR : COLOUR + 4 * CHANNELS].reshape(-1, half, half, CHANNELS, 2, 2)
    return inner.transpose(0, 1, 4, 2, 5, 3).reshape(-1, CELLS, CHANNELS)


@dataclass(frozen=True)
class DrawnMaps:
    """Reads maps (n, 196, 112) float16 by row, as `recipes.maps` keeps those of other pictures."""

    features: np.ndarray
    rows: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> np.ndarray:
        return unshuffled(self.features[self.rows[chosen]])


def drawn_set(cache: Path, name: str) -> tuple[list[Picture], DrawnMaps]:
    """The encoded scenes of one set of `recipes.reranker.features`, and their maps."""
    opened = open_features(cache / "reranker" / "features" / name)
    rows = np.flatnonzero(opened.done)
    records = [opened.records[row] for row in rows]
    made = [picture_of(scene_of(r), name, f"{name}/{i}", r["scene"]) for r, i in zip(records, rows, strict=True)]
    return made, DrawnMaps(opened.features, rows)
