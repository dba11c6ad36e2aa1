"""The sample pictures of the demo: which scenes, and how they come to lie in a folder."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.samples.demo import DEMO_ITEMS
from indexer.samples.scenes import (
    Item,
    Scene,
    all_items,
    bindable_scene,
    caption,
    draw,
    item_phrase,
    random_scene,
    suitable_backgrounds,
    swapped,
)
from indexer.samples.vocabulary import KINDS, NEAR

VERSION = 1  # raise it when the pictures change: folders of older versions are drawn anew
_SIZE = 352
_PER_DEMO = 7
_DISTRACTORS = 108
_SWAPPED_PAIRS = 36
_TWO_ITEMS = 54
_FIRST_SEED = 1 << 40  # random_scene never goes so high: no training picture is a sample
_MARKER = ".complete"

DEMO_CAPTIONS: tuple[str, ...] = tuple(item_phrase(Item(*key)) for key in DEMO_ITEMS)


@dataclass(frozen=True)
class Sample:
    """One picture of the catalogue: its path below the folder, what it shows, how it is drawn."""

    filename: str
    caption: str
    scene: Scene


def sample_catalogue() -> list[Sample]:
    """Every sample picture, in the order of the file names; always the same list."""
    rng = random.Random("catalogue")  # noqa: S311 (pictures, not secrets)
    scenes = [*_demo_scenes(rng), *_distractors(rng), *_pairs(rng), *_two_items(rng)]
    rng.shuffle(scenes)
    return [Sample(_filename(i), caption(scene), scene) for i, scene in enumerate(scenes)]


def write_catalogue(folder: Path, *, progress: Callable[[int, int], None] | None = None) -> list[Sample]:
    """Draw the catalogue into a folder with a ``captions.csv``; nothing is done where it is already complete.

    ``progress`` is told how many pictures are done, and of how many.
    """
    samples = sample_catalogue()
    marker = folder / _MARKER
    if marker.is_file() and marker.read_text().strip() == str(VERSION):
        return samples
    for done, sample in enumerate(samples, start=1):
        _write(folder / sample.filename, _encoded(sample))
        if progress is not None:
            progress(done, len(samples))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("image", "caption"))
    writer.writerows((sample.filename, sample.caption) for sample in samples)
    _write(folder / "captions.csv", table.getvalue().encode())
    _write(marker, f"{VERSION}\n".encode())
    return samples


def _seeded(scene: Scene, rng: random.Random) -> Scene:
    return Scene(scene.items, scene.layout, scene.view, scene.background, _FIRST_SEED + rng.getrandbits(31))


def _demo_scenes(rng: random.Random) -> Iterator[Scene]:
    """Each demo caption's pictures, over all views and ever other backgrounds."""
    for key in DEMO_ITEMS:
        item = Item(*key)
        views = KINDS[item.kind].views
        backgrounds = suitable_backgrounds((item,))
        rng.shuffle(backgrounds)
        for i in range(_PER_DEMO):
            scene = Scene((item,), "single", views[i % len(views)], backgrounds[i % len(backgrounds)], 0)
            yield _seeded(scene, rng)


def _distractors(rng: random.Random) -> Iterator[Scene]:
    """Single items that miss a demo caption by their kind, their colour or their finish only; every kind occurs."""
    everything = [
        item for held_out in (False, True) for group in all_items(held_out=held_out).values() for item in group
    ]
    demo = [Item(*key) for key in DEMO_ITEMS]
    clear = [item for item in everything if item not in demo and not any(_fits(item, wanted) for wanted in demo)]
    close = [item for item in clear if any(_differences(item, wanted) == 1 for wanted in demo)]
    chosen = [rng.choice([item for item in clear if item.kind == kind]) for kind in KINDS]
    chosen += [item for item in _NEAREST if item in clear]
    chosen += rng.sample(close, _DISTRACTORS - len(chosen))
    for item in chosen:
        view = rng.choice(KINDS[item.kind].views)
        yield _seeded(Scene((item,), "single", view, rng.choice(suitable_backgrounds((item,))), 0), rng)


# What is most easily taken for blue denim jeans.
_NEAREST = (
    Item("trousers", "blue", "plain"),
    Item("trousers", "blue", "striped"),
    Item("skirt", "blue", "denim"),
    Item("shorts", "blue", "denim"),
    Item("jeans", "navy", "denim"),
    Item("jeans", "grey", "denim"),
    Item("jeans", "red", "denim"),
    Item("jeans", "turquoise", "denim"),
)


def _differences(item: Item, wanted: Item) -> int:
    return (item.kind != wanted.kind) + (item.colour != wanted.colour) + (item.finish != wanted.finish)


def _fits(item: Item, wanted: Item) -> bool:
    """Whether a person might accept the item for the wanted one, so that it would make a false distractor."""
    kind_fits = item.kind == wanted.kind or wanted.kind in (*NEAR.get(item.kind, ()), *KINDS[item.kind].hypernyms)
    return kind_fits and item.colour == wanted.colour and wanted.finish in ("plain", item.finish)


def _pairs(rng: random.Random) -> Iterator[Scene]:
    """Scenes that come twice, the second time with the colours and finishes exchanged."""
    for _ in range(_SWAPPED_PAIRS):
        scene = bindable_scene(rng)
        while any(_asked_for(item) for item in (*scene.items, *swapped(scene).items)):
            scene = bindable_scene(rng)
        scene = _seeded(scene, rng)
        yield scene
        yield swapped(scene)


def _two_items(rng: random.Random) -> Iterator[Scene]:
    for _ in range(_TWO_ITEMS):
        scene = random_scene(rng, items=2)
        while any(_asked_for(item) for item in scene.items):
            scene = random_scene(rng, items=2)
        yield _seeded(scene, rng)


def _asked_for(item: Item) -> bool:
    return any(_fits(item, Item(*key)) for key in DEMO_ITEMS)


def _filename(number: int) -> str:
    suffix = {5: "png", 11: "webp"}.get(number % 16, "jpg")
    return f"{number // 100:02d}/{number:04d}.{suffix}"


def _encoded(sample: Sample) -> bytes:
    buffer = io.BytesIO()
    kind = Path(sample.filename).suffix
    picture = draw(sample.scene, size=_SIZE)
    if kind == ".png":
        picture.save(buffer, "PNG")
    else:
        picture.save(buffer, "WEBP" if kind == ".webp" else "JPEG", quality=90)
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> None:
    """Write aside, then rename: a picture is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    aside.write_bytes(content)
    aside.replace(path)
