"""The texts a training picture may be given, and which of them fit other pictures as well."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.samples.vocabulary import COLOURS, FINISHES, KINDS
from recipes.phrases import FRAMES, with_article
from recipes.pictures import Picture


@dataclass(frozen=True)
class Caption:
    """`key`: pictures with the same key fit this text equally well, so they are no negatives of each other."""

    text: str
    key: str


def framed(rng: random.Random, name: str) -> str:
    return rng.choice(FRAMES).format(with_article(name) if rng.random() < 0.6 else name)


def drawn_phrase(rng: random.Random, item: dict[str, str], *, finish: bool) -> str:
    """An item in words, by its own or other names: "navy jeans", "a gray woollen jumper"."""
    kind, colour = KINDS[item["kind"]], COLOURS[item["colour"]]
    finishes = FINISHES[item["finish"]]
    noun = rng.choice((kind.name, kind.name, *kind.synonyms))
    tone = rng.choice((colour.name, colour.name, colour.name, *colour.synonyms))
    spoken = rng.choice((finishes.spoken, finishes.spoken, *finishes.synonyms)) if finish else ""
    words = " ".join(word for word in (tone, spoken, noun) if word)
    return words if kind.plural or rng.random() < 0.4 else with_article(words)


def drawn_captions(rng: random.Random, picture: Picture) -> list[Caption]:
    assert picture.scene is not None
    items = picture.scene["items"]
    full = "+".join(f"{item['colour']}|{item['finish']}|{item['kind']}" for item in items)
    made = [Caption(name, full) for name in picture.captions[:1]]
    made += [Caption(" and ".join(drawn_phrase(rng, item, finish=True) for item in items), full) for _ in range(2)]
    if len(items) == 1:
        loose = f"{items[0]['colour']}|{items[0]['kind']}"
        made.append(Caption(drawn_phrase(rng, items[0], finish=False), loose))
    return made


def captions_of(picture: Picture, seed: int) -> list[Caption]:
    """A few texts for one picture, always the same for the same seed."""
    rng = random.Random(f"{picture.path}-{seed}")
    if picture.kind == "drawn":
        return drawn_captions(rng, picture)
    key = f"{picture.colour}|{picture.concept}"
    names = picture.captions[:3]
    return [Caption(names[0], key), *[Caption(framed(rng, name), key) for name in (*names, names[0])]]


def keys_of(picture: Picture) -> tuple[str, str]:
    """The keys of texts that fit a picture: the exact one, and for drawn items the one without the finish."""
    if picture.kind != "drawn":
        key = f"{picture.colour}|{picture.concept}"
        return key, key
    assert picture.scene is not None
    items = picture.scene["items"]
    full = "+".join(f"{item['colour']}|{item['finish']}|{item['kind']}" for item in items)
    return full, f"{items[0]['colour']}|{items[0]['kind']}" if len(items) == 1 else full


def distinct(captions: Sequence[Sequence[Caption]]) -> list[str]:
    """Every text once, in order of appearance."""
    return list(dict.fromkeys(caption.text for group in captions for caption in group))
