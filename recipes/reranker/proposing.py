"""True phrases about an item, and items that are nearly it: what hypotheses are proposed from."""

from __future__ import annotations

import random
from dataclasses import replace

from indexer.samples.types import Item, Scene
from indexer.samples.vocabulary import COLOURS, FINISHES, KINDS
from recipes.reranker.truth import Phrase


def describe(item: Item, rng: random.Random, *, full: float = 0.5) -> Phrase:
    """A true phrase about an item, often with something left unsaid or in other words."""
    kind = KINDS[item.kind]
    finish = FINISHES[item.finish]
    phrase = Phrase(
        _word(rng, (item.colour, *COLOURS[item.colour].synonyms)),
        _word(rng, (finish.spoken, *finish.synonyms)) if finish.spoken else "",
        _word(rng, (kind.name, *kind.synonyms)),
    )
    if rng.random() < full:
        return phrase
    if rng.random() < 0.25:
        phrase = replace(phrase, kind=rng.choice(kind.hypernyms))
    cut = rng.random()
    if cut < 0.3:
        return replace(phrase, finish="")
    if cut < 0.55:
        return replace(phrase, colour="")
    if cut < 0.8:
        return replace(phrase, colour="", finish="")
    if cut < 0.92:
        return replace(phrase, kind="", finish="")
    return replace(phrase, finish="plain") if item.finish == "plain" else phrase


def _word(rng: random.Random, words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 or rng.random() < 0.85 else rng.choice(words[1:])


def corrupt(item: Item, scene: Scene, rng: random.Random) -> Item:
    """An item that differs in one thing, as a rule; in a scene of two often by what the other one has."""
    others = [other for other in scene.items if other != item]
    if others and rng.random() < 0.55:
        other = others[0]
        change = rng.choice(("colour", "colour", "finish", "kind"))
        return replace(item, **{change: getattr(other, change)})
    kind = KINDS[item.kind]
    kinds = [name for name in KINDS if name != item.kind]
    if rng.random() < 0.4:
        kinds = [name for name in kinds if KINDS[name].category == kind.category] or kinds
    changes: dict[str, dict[str, str]] = {
        "colour": {"colour": rng.choice([name for name in COLOURS if name != item.colour])},
        "finish": {"finish": rng.choice([name for name in (*kind.finishes, *FINISHES) if name != item.finish])},
        "kind": {"kind": rng.choice(kinds)},
    }
    changes["both"] = changes["colour"] | changes["kind"]
    return replace(item, **changes[rng.choices(list(changes), (4, 2.5, 4, 1))[0]])
