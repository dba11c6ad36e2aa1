"""Two pictures, one text: true of the one, false of the other.

Labels that no text alone can tell. A model trained on single pictures first learns what the words give away, and
then sees little reason to look; on contrasts it has nothing else to go by.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from indexer.samples.types import Item, Scene
from indexer.samples.vocabulary import KINDS
from recipes.reranker.hypotheses import RELATION_WORDS, Hypothesis, Said
from recipes.reranker.proposing import describe
from recipes.reranker.truth import Phrase, Relation, judge
from recipes.reranker.wording import framed, in_words

TRIES = 40
RELATIONS: tuple[Relation, ...] = ("beside", "left", "right", "above", "below")


def contrasts(pair: tuple[Scene, Scene], rng: random.Random, count: int) -> tuple[list[Hypothesis], list[Hypothesis]]:
    """``count`` texts on both scenes, half of them true of the first only, half of the second only.

    Fewer where the scenes are too much alike.
    """
    found: tuple[list[Hypothesis], list[Hypothesis]] = ([], [])
    for side in (0, 1):
        for _ in range(count // 2):
            said = _true_of_one(pair[side], pair[1 - side], rng)
            if said is not None:
                found[side].append(Hypothesis(said.text, "entailment", phrases=said.phrases))
                found[1 - side].append(Hypothesis(said.text, "contradiction", phrases=said.phrases))
    return found


def _true_of_one(scene: Scene, other: Scene, rng: random.Random) -> Said | None:
    for _ in range(TRIES):
        phrases, relation = _say(scene, rng)
        if judge(scene, phrases, relation) == "entailment" and judge(other, phrases, relation) == "contradiction":
            return Said(_spoken(phrases, relation, rng), phrases)
    return None


def _say(scene: Scene, rng: random.Random) -> tuple[tuple[Phrase, ...], Relation]:
    full = rng.choice((1.0, 0.6, 0.3))
    items = rng.sample(scene.items, len(scene.items))
    if len(items) == 1 or rng.random() < 0.45:
        return (describe(items[0], rng, full=full),), "and"
    relation: Relation = rng.choice(RELATIONS) if rng.random() < 0.2 else "and"
    return tuple(describe(item, rng, full=full) for item in items), relation


def _spoken(phrases: tuple[Phrase, ...], relation: Relation, rng: random.Random) -> str:
    article = rng.random() < (0.5 if len(phrases) == 1 else 0.7)
    words = [in_words(phrase, rng, article=article) for phrase in phrases]
    text = words[0] if len(words) == 1 else rng.choice(RELATION_WORDS[relation]).format(*words)
    return framed(text, rng, share=0.15 if article else 0.0)


class Neighbours:
    """Single items by what they share, so that a contrast can be asked of two that differ in one thing."""

    def __init__(self, scenes: Mapping[int, Scene]) -> None:
        self._items = {n: scene.items[0] for n, scene in scenes.items()}
        self._sharing: dict[tuple[str, ...], list[int]] = {}
        for n, item in self._items.items():
            for key in _keys(item):
                self._sharing.setdefault(key, []).append(n)

    def of(self, n: int, rng: random.Random) -> int | None:
        """A picture like picture ``n`` in all but one thing; None where chance finds none."""
        item = self._items[n]
        key = rng.choices(_keys(item), SHARES)[0]
        other = rng.choice(self._sharing[key])
        return other if self._items[other] != item else None


# Of contrasts in kind within a category, in kind at all, in colour, in finish.
SHARES = (0.4, 0.1, 0.25, 0.25)


def _keys(item: Item) -> tuple[tuple[str, ...], ...]:
    return (
        ("category", KINDS[item.kind].category, item.colour, item.finish),
        ("kind", item.colour, item.finish),
        ("colour", item.kind, item.finish),
        ("finish", item.kind, item.colour),
    )
