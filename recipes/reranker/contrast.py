"""Two pictures, one text: true of the one, false of the other.

Labels that no text alone can tell. A model trained on single pictures first learns what the words give away, and
then sees little reason to look; on contrasts it has nothing else to go by.
"""

from __future__ import annotations

import dataclasses
import random

from indexer.samples.types import Scene
from recipes.reranker.hypotheses import RELATION_WORDS, Hypothesis
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
            text = _true_of_one(pair[side], pair[1 - side], rng)
            if text is not None:
                found[side].append(Hypothesis(text, "entailment"))
                found[1 - side].append(Hypothesis(text, "contradiction"))
    return found


def _true_of_one(scene: Scene, other: Scene, rng: random.Random) -> str | None:
    for _ in range(TRIES):
        phrases, relation = _say(scene, rng)
        if judge(scene, phrases, relation) == "entailment" and judge(other, phrases, relation) == "contradiction":
            return _spoken(phrases, relation, rng)
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


def alike(scene: Scene, other: Scene) -> bool:
    """Whether two single items share their kind or their colour, so that a contrast must tell the rest."""
    first, second = scene.items[0], other.items[0]
    return dataclasses.astuple(first) != dataclasses.astuple(second) and (
        first.kind == second.kind or first.colour == second.colour
    )
