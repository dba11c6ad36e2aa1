"""Drawn scenes for the encoder: pooled from the maps that `recipes.reranker.features` has already made.

Scenes are drawn and put through the frozen trunk once, for both models: drawing is slower than encoding.
The trunk's average-pooled feature is the mean over cells of the last 1280 channels of those maps.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from indexer.samples.scenes import caption, item_phrase
from indexer.samples.types import Scene
from recipes.pictures import Picture, Split
from recipes.reranker.drawn import scene_of
from recipes.reranker.features import open_features

WIDTH = 1280
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


def drawn_set(cache: Path, name: str) -> tuple[list[Picture], np.ndarray]:
    """The encoded scenes of one set of `recipes.reranker.features`, and their features (n, 1280) float32."""
    folder = cache / "reranker" / "features" / name
    if not folder.exists():
        return [], np.zeros((0, WIDTH), np.float32)
    opened = open_features(folder)
    rows = np.flatnonzero(opened.done)
    pooled = np.empty((len(rows), WIDTH), np.float32)
    for place, row in enumerate(rows):
        pooled[place] = opened.features[row, :, -WIDTH:].astype(np.float32).mean(0)
    records = [opened.records[row] for row in rows]
    made = [picture_of(scene_of(r), name, f"{name}/{i}", r["scene"]) for r, i in zip(records, rows, strict=True)]
    return made, pooled
