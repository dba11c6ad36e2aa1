"""What is true of a drawn scene: phrases, and whether the scene entails, contradicts or leaves them open.

The labels follow from this judge alone; how a hypothesis came to be proposed plays no part. The world of
a scene is closed: what it does not show is not there.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from typing import Literal

from indexer.samples.types import Item, Scene
from indexer.samples.vocabulary import COLOURS, FINISHES, KINDS, NEAR

Verdict = Literal["entailment", "neutral", "contradiction"]
Relation = Literal["and", "beside", "left", "right", "above", "below"]
PATTERNS = ("striped", "dotted", "checked", "floral")
_WORN = ("headwear", "neckwear", "handwear", "legwear", "footwear", "eyewear", "accessory", "bag")
# Words so wide that people disagree where they end: of these categories they are neither true nor false.
LOOSE = {
    **dict.fromkeys(("accessory", "accessories"), _WORN),
    **dict.fromkeys(("clothing", "clothes", "garment"), _WORN),
    "outerwear": ("top",),
    "footwear": ("legwear",),
}


@dataclass(frozen=True)
class Phrase:
    """A thing in words, parts of it perhaps unsaid: colour word, finish word, kind word."""

    colour: str = ""
    finish: str = ""
    kind: str = ""


@cache
def colour_words() -> dict[str, str]:
    """Every word for a colour, to the colour."""
    return {word: colour.name for colour in COLOURS.values() for word in (colour.name, *colour.synonyms)}


@cache
def finish_words() -> dict[str, str]:
    """Every word for a spoken finish, to the finish."""
    spoken = [finish for finish in FINISHES.values() if finish.spoken]
    return {word: finish.name for finish in spoken for word in (finish.spoken, *finish.synonyms)}


@cache
def kinds_meant(word: str) -> frozenset[str]:
    """The kinds of which a kind word is true."""
    return frozenset(k.name for k in KINDS.values() if word in (k.name, *k.synonyms, *k.hypernyms))


@cache
def kinds_near(word: str) -> frozenset[str]:
    """The kinds that a person might also call so."""
    named = [kind.name for kind in KINDS.values() if word in (kind.name, *kind.synonyms)]
    near = {k for k in KINDS for other in named if other in NEAR.get(k, ()) or k in NEAR.get(other, ())}
    near |= {kind.name for kind in KINDS.values() if kind.category in LOOSE.get(word, ())}
    return frozenset(near - kinds_meant(word))


def fits(phrase: Phrase, item: Item) -> Verdict:
    """Whether the phrase describes the item."""
    if phrase.colour and colour_words()[phrase.colour] != item.colour:
        return "contradiction"
    if phrase.finish == "plain":
        if item.finish in PATTERNS:
            return "contradiction"
    elif phrase.finish and finish_words()[phrase.finish] != item.finish:
        return "contradiction"
    if not phrase.kind or item.kind in kinds_meant(phrase.kind):
        return "entailment"
    return "neutral" if item.kind in kinds_near(phrase.kind) else "contradiction"


def holds(scene: Scene, relation: Relation, first: int, second: int) -> bool:
    """Whether item ``first`` stands so to item ``second``; beside each other is either side."""
    if relation == "and":
        return True
    if relation == "beside":
        return scene.layout == "beside"
    if relation in ("left", "right"):
        return scene.layout == "beside" and (first < second) == (relation == "left")
    return scene.layout == "above" and (first < second) == (relation == "above")


def judge(scene: Scene, phrases: tuple[Phrase, ...], relation: Relation = "and") -> Verdict:
    """Whether the scene shows what one phrase says, or two distinct things in the given relation."""
    order = ("contradiction", "neutral", "entailment")
    best = 0
    for places in itertools.permutations(range(len(scene.items)), len(phrases)):
        if len(places) == 2 and not holds(scene, relation, *places):
            continue
        verdicts = [fits(phrase, scene.items[place]) for phrase, place in zip(phrases, places, strict=True)]
        best = max(best, min(order.index(verdict) for verdict in verdicts))
    return order[best]  # type: ignore[return-value]
