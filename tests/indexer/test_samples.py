"""The drawn samples: the same every time, what their captions say, and nothing held out in training scenes."""

from __future__ import annotations

import colorsys
import csv
import dataclasses
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.samples.catalogue import DEMO_CAPTIONS, Sample, sample_catalogue, write_catalogue
from indexer.samples.demo import DEMO_ITEMS
from indexer.samples.scenes import (
    Item,
    Scene,
    bindable_scene,
    caption,
    draw,
    is_held_out,
    item_phrase,
    random_scene,
    regions,
    swapped,
)
from indexer.samples.vocabulary import BACKGROUNDS, COLOURS, FINISHES, KINDS


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return sample_catalogue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    write_catalogue(folder)
    return folder


def _single(item: Item, seed: int = 1, background: str = "tinted") -> Scene:
    return Scene((item,), "single", KINDS[item.kind].views[0], background, seed)


def test_same_scene_gives_same_pixels() -> None:
    rng = random.Random(5)
    for items in (1, 2):
        scene = random_scene(rng, items=items)
        assert draw(scene).tobytes() == draw(scene).tobytes()


def test_another_seed_gives_another_picture_of_the_same_caption() -> None:
    scene = random_scene(random.Random(6))
    other = dataclasses.replace(scene, seed=scene.seed + 1)
    assert caption(scene) == caption(other)
    assert draw(scene).tobytes() != draw(other).tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_in_every_view_and_finish(kind: str) -> None:
    for i, view in enumerate((*KINDS[kind].views, "unknown to this kind")):
        finish = KINDS[kind].finishes[i % len(KINDS[kind].finishes)]
        picture = draw(Scene((Item(kind, "green", finish),), "single", view, "white", i), size=160)
        assert picture.mode == "RGB"
        assert max(picture.size) == 160


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_items_stand_out_from_the_background(background: str) -> None:
    avoided = BACKGROUNDS[background].avoid
    for colour in [name for name in COLOURS if name not in avoided]:
        scene = _single(Item("T-shirt", colour, "plain"), 3, background)
        pixels = np.asarray(draw(scene, size=96), dtype=float)
        region = regions(scene, size=96)[0]
        item, behind = (np.median(pixels[mask], axis=0) for mask in (region > 0.9, region < 0.01))
        assert np.abs(item - behind).max() > 22, colour


def _named(rgb: np.ndarray) -> str:
    """The colour whose range of hue, saturation and value is nearest."""
    hue, saturation, value = colorsys.rgb_to_hsv(*(rgb / 255))

    def distance(name: str) -> float:
        table = COLOURS[name]
        middle = [(low + high) / 2 for low, high in (table.hue, table.saturation, table.value)]
        turn = abs((hue * 360 - middle[0] + 180) % 360 - 180) / 360
        chroma = min(saturation * value, middle[1] * middle[2])
        return float(
            14 * turn * chroma + abs(saturation * value - middle[1] * middle[2]) + 0.6 * abs(value - middle[2])
        )

    return min(COLOURS, key=distance)


@pytest.mark.parametrize("colour", COLOURS)
def test_the_dominant_colour_has_its_name(colour: str) -> None:
    right = []
    for kind, finish in (("T-shirt", "plain"), ("trousers", "striped"), ("jacket", "leather"), ("dress", "dotted"),
                         ("shirt", "checked"), ("mug", "floral"), ("sweater", "knitted"), ("skirt", "denim"),
                         ("backpack", "quilted"), ("hat", "fluffy")):  # fmt: skip
        scene = _single(Item(kind, colour, finish), len(right))
        pixels = np.asarray(draw(scene), dtype=float)[regions(scene)[0] > 0.95]
        right.append(_named(np.median(pixels, axis=0)))
    assert right.count(colour) >= 9, right


def test_captions_are_english() -> None:
    jeans, shirt = Item("jeans", "blue", "denim"), Item("shirt", "orange", "plain")
    assert item_phrase(jeans) == "blue denim jeans"
    assert item_phrase(shirt) == "an orange shirt"
    assert item_phrase(shirt, article=False) == "orange shirt"
    assert caption(Scene((shirt, jeans), "above", "front", "white", 0)) == "an orange shirt and blue denim jeans"


def test_training_scenes_hold_out_a_tenth() -> None:
    every = [Item(name, colour, finish) for name in KINDS for colour in COLOURS for finish in KINDS[name].finishes]
    assert 0.07 < sum(map(is_held_out, every)) / len(every) < 0.13
    assert not any(is_held_out(Item(*key)) for key in DEMO_ITEMS)
    rng = random.Random(7)
    for _ in range(500):
        assert not any(map(is_held_out, random_scene(rng, items=1 + rng.randrange(2)).items))
        assert all(map(is_held_out, random_scene(rng, items=1 + rng.randrange(2), held_out=True).items))


def test_held_out_combinations_never_change() -> None:
    fingerprint = sum(i for i, colour in enumerate(COLOURS) if is_held_out(Item("dress", colour, "plain")))
    assert fingerprint == 13


def test_random_scenes_use_the_whole_vocabulary() -> None:
    rng = random.Random(8)
    scenes = [random_scene(rng) for _ in range(3000)]
    assert {scene.items[0].kind for scene in scenes} == set(KINDS)
    assert {scene.items[0].colour for scene in scenes} == set(COLOURS)
    assert {scene.items[0].finish for scene in scenes} == set(FINISHES)
    assert {scene.background for scene in scenes} == set(BACKGROUNDS)


def test_a_swap_exchanges_colours_only() -> None:
    rng = random.Random(9)
    for _ in range(200):
        scene = bindable_scene(rng)
        other = swapped(scene)
        assert caption(scene) != caption(other)
        assert [item.kind for item in scene.items] == [item.kind for item in other.items]
        assert swapped(other) == scene
        for item in (*scene.items, *other.items):
            assert item.finish in KINDS[item.kind].finishes
            assert not is_held_out(item)


def test_a_swap_keeps_every_outline_in_place() -> None:
    scene = bindable_scene(random.Random(3))
    scene = dataclasses.replace(scene, items=tuple(dataclasses.replace(i, finish="plain") for i in scene.items))
    for here, there in zip(regions(scene), regions(swapped(scene)), strict=True):
        assert np.abs(here - there).max() < 1e-6


def test_the_catalogue_answers_the_demo(samples: list[Sample]) -> None:
    counts = Counter(sample.caption for sample in samples)
    assert DEMO_CAPTIONS[0] == "blue denim jeans"
    assert len(DEMO_CAPTIONS) >= 30
    assert all(counts[wanted] >= 6 for wanted in DEMO_CAPTIONS)
    assert {"a blue denim jacket", "black denim jeans", "a blue shirt", "blue trousers"} <= set(counts)
    assert 450 <= len(samples) <= 550
    assert {item.kind for sample in samples for item in sample.scene.items} == set(KINDS)


def test_no_other_sample_answers_a_demo_caption(samples: list[Sample]) -> None:
    for demo in (Item(*key) for key in DEMO_ITEMS):
        for item in {item for sample in samples for item in sample.scene.items} - {demo}:
            same = item.kind == demo.kind or demo.kind in KINDS[item.kind].hypernyms
            fits = same and item.colour == demo.colour and demo.finish in ("plain", item.finish)
            assert not fits, (item, demo)


def test_the_catalogue_holds_swapped_pairs(samples: list[Sample]) -> None:
    scenes = {sample.scene for sample in samples}
    pairs = [s for s in scenes if len(s.items) == 2 and swapped(s) in scenes and swapped(s) != s]
    assert len(pairs) >= 60


def test_written_pictures_open_and_match_their_captions(folder: Path, samples: list[Sample]) -> None:
    with (folder / "captions.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [(row["image"], row["caption"]) for row in rows] == [(s.filename, s.caption) for s in samples]
    assert {Path(row["image"]).suffix for row in rows} == {".jpg", ".png", ".webp"}
    for row in rows:
        with Image.open(folder / row["image"]) as picture:
            assert min(picture.size) >= 224
    assert not list(folder.rglob("*.part"))


def test_a_complete_folder_is_left_alone(folder: Path, samples: list[Sample]) -> None:
    (folder / samples[0].filename).write_bytes(b"changed by its owner")
    steps: list[int] = []
    assert write_catalogue(folder, progress=lambda done, _: steps.append(done)) == samples
    assert not steps
    assert (folder / samples[0].filename).read_bytes() == b"changed by its owner"


def test_an_interrupted_folder_does_not_count_as_complete(tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        write_catalogue(tmp_path, progress=interrupt)
    assert len(list(tmp_path.rglob("0*.*"))) == 3
    assert not (tmp_path / "captions.csv").exists()
    with pytest.raises(Interrupted):
        write_catalogue(tmp_path, progress=interrupt)
