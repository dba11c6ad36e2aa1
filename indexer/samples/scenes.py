"""Scenes of one or two drawn items: choosing them, naming them, drawing them."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from functools import cache

from indexer.samples.demo import DEMO_ITEMS
from indexer.samples.rendering import draw, regions
from indexer.samples.types import Item, Scene
from indexer.samples.vocabulary import BACKGROUNDS, COLOURS, FINISHES, KINDS

__all__ = [
    "Item",
    "Scene",
    "bindable_scene",
    "caption",
    "draw",
    "is_held_out",
    "item_phrase",
    "random_scene",
    "regions",
    "swapped",
]


def item_phrase(item: Item, *, article: bool = True) -> str:
    """The item in words: "a red striped shirt", "blue denim jeans"."""
    kind = KINDS[item.kind]
    words = " ".join(word for word in (item.colour, FINISHES[item.finish].spoken, kind.name) if word)
    if kind.plural or not article:
        return words
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def caption(scene: Scene) -> str:
    """What the scene shows: "a red shirt and blue denim jeans"."""
    return " and ".join(item_phrase(item) for item in scene.items)


def is_held_out(item: Item) -> bool:
    """Whether this combination is kept out of training: about a tenth of all, the same on every machine."""
    key = (item.kind, item.colour, item.finish)
    if key in DEMO_ITEMS:
        return False
    return int.from_bytes(hashlib.sha256("|".join(key).encode()).digest()[:4], "big") % 10 == 0


def random_scene(rng: random.Random, *, items: int = 1, held_out: bool = False) -> Scene:
    """A scene of ``items`` different kinds, all of them held-out combinations or none of them."""
    chosen = [_random_item(rng, held_out)]
    while len(chosen) < items:
        item = _random_item(rng, held_out)
        same_colour = any(item.colour == other.colour for other in chosen)
        if all(item.kind != other.kind for other in chosen) and (not same_colour or rng.random() < 0.3):
            chosen.append(item)
    return _scene(rng, tuple(chosen))


def bindable_scene(rng: random.Random) -> Scene:
    """A two-item scene, none of it held out, whose ``swapped`` is a different valid scene, none of it held out."""
    while True:
        first, second = rng.sample(sorted(KINDS), 2)
        shared = [finish for finish in KINDS[first].finishes if finish in KINDS[second].finishes]
        if not shared:
            continue
        one, other = rng.sample(sorted(COLOURS), 2)
        finishes = rng.choices(shared, k=2)
        scene = _scene(rng, (Item(first, one, finishes[0]), Item(second, other, finishes[1])))
        if not any(is_held_out(item) for item in (*scene.items, *swapped(scene).items)):
            return scene


def swapped(scene: Scene) -> Scene:
    """The same two kinds in the same places with their colours and finishes exchanged, all else equal."""
    first, second = scene.items
    exchanged = (Item(first.kind, second.colour, second.finish), Item(second.kind, first.colour, first.finish))
    return dataclasses.replace(scene, items=exchanged)


@cache
def all_items(*, held_out: bool) -> dict[str, tuple[Item, ...]]:
    """Every combination that is, or is not, held out, by kind."""
    found = {
        kind.name: tuple(
            item
            for colour in COLOURS
            for finish in kind.finishes
            if is_held_out(item := Item(kind.name, colour, finish)) is held_out
        )
        for kind in KINDS.values()
    }
    return {kind: items for kind, items in found.items() if items}


def _random_item(rng: random.Random, held_out: bool) -> Item:
    by_kind = all_items(held_out=held_out)
    return rng.choice(by_kind[rng.choice(list(by_kind))])


def _scene(rng: random.Random, items: tuple[Item, ...]) -> Scene:
    layout = "single" if len(items) == 1 else rng.choice(("beside", "above"))
    view = rng.choice(sorted({view for item in items for view in KINDS[item.kind].views}))
    return Scene(items, layout, view, rng.choice(suitable_backgrounds(items)), rng.getrandbits(31))


def suitable_backgrounds(items: tuple[Item, ...]) -> list[str]:
    """Backgrounds that all the items stand out from."""
    colours = {item.colour for item in items}
    return [name for name, background in BACKGROUNDS.items() if not colours & set(background.avoid)]
