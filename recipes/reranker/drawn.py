"""Which scenes are drawn for training, validation and test; all of it follows from the seeds."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

from indexer.samples.catalogue import sample_catalogue
from indexer.samples.scenes import bindable_scene, random_scene, swapped
from indexer.samples.types import Item, Scene

Record = dict[str, Any]
SIZES = (240, 288, 352)


def training_records(singles: int, bindable: int, doubles: int, seed: int) -> list[Record]:
    """Scenes without held-out combinations, mixed so that any first part is a fair sample of the whole.

    A bindable scene is followed by its swapped twin.
    """
    rng = random.Random(seed)
    groups = [[random_scene(rng)] for _ in range(singles)]
    groups += [[scene, swapped(scene)] for scene in (bindable_scene(rng) for _ in range(bindable))]
    groups += [[random_scene(rng, items=2)] for _ in range(doubles)]
    rng.shuffle(groups)
    return [_record(scene, SIZES[n % len(SIZES)]) for n, group in enumerate(groups) for scene in group]


def unseen_records(singles: int, doubles: int, seed: int) -> list[Record]:
    """Scenes of held-out combinations only."""
    rng = random.Random(seed)
    scenes = [random_scene(rng, held_out=True) for _ in range(singles)]
    scenes += [random_scene(rng, items=2, held_out=True) for _ in range(doubles)]
    return [_record(scene, SIZES[n % len(SIZES)]) for n, scene in enumerate(scenes)]


def catalogue_records() -> list[Record]:
    """The demo's own pictures, for evaluation only."""
    return [_record(sample.scene, 352) for sample in sample_catalogue()]


def _record(scene: Scene, size: int) -> Record:
    return {"scene": dataclasses.asdict(scene), "size": size}


def scene_of(record: Record) -> Scene:
    """The scene of a record that came back from JSON."""
    raw = record["scene"]
    items = tuple(Item(**item) for item in raw["items"])
    return Scene(items, raw["layout"], raw["view"], raw["background"], raw["seed"])
