"""Hypotheses about a drawn scene, sampled from what it shows.

The wanted label comes first and the form second, from the same forms for every label, so that the text
alone tells little: what is true, its corrupted twin and what cannot be known look the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from indexer.samples.types import Item, Scene
from indexer.samples.vocabulary import BACKGROUNDS, KINDS
from recipes.reranker.proposing import corrupt, describe
from recipes.reranker.truth import Phrase, Relation, Verdict, judge
from recipes.reranker.wording import ASIDES, framed, in_words, modified, modifier, with_article

TRIES = 12
LABEL_SHARES = (0.38, 0.19, 0.43)  # entailment, neutral, contradiction
VERDICTS: tuple[Verdict, ...] = ("entailment", "neutral", "contradiction")
RELATION_WORDS: dict[Relation, tuple[str, ...]] = {
    "and": ("{} and {}", "{} and {}", "{} with {}", "both {} and {}"),
    "beside": ("{} next to {}", "{} beside {}"),
    "left": ("{} to the left of {}", "{} left of {}"),
    "right": ("{} to the right of {}", "{} right of {}"),
    "above": ("{} above {}", "{} over {}"),
    "below": ("{} below {}", "{} under {}"),
}
# Backgrounds that cannot be taken for each other.
CLEAR = ("dark", "wooden table", "grass", "tiles", "bed", "pavement", "shelf", "white")


@dataclass(frozen=True)
class Hypothesis:
    """A text about a picture with its label, and perhaps a premise that goes with the picture.

    ``phrases`` are the things it speaks of, in order; empty where nobody needs to know.
    """

    text: str
    label: Verdict
    premise: str | None = None
    phrases: tuple[Phrase, ...] = ()


class Said(NamedTuple):
    """A text and the things it speaks of."""

    text: str
    phrases: tuple[Phrase, ...] = ()


def hypotheses(scene: Scene, rng: random.Random, count: int) -> list[Hypothesis]:
    """``count`` hypotheses; the forms that search uses dominate."""
    found: list[Hypothesis] = []
    while len(found) < count:
        wanted = rng.choices(VERDICTS, LABEL_SHARES)[0]
        made = _propose(scene, wanted, rng)
        if made is not None:
            found.append(_with_premise(scene, made, rng) if rng.random() < 0.08 else made)
    return found


def _propose(scene: Scene, wanted: Verdict, rng: random.Random) -> Hypothesis | None:
    double = len(scene.items) == 2
    forms: list[tuple[Callable[[Scene, Verdict, random.Random], Said | None], float]] = [
        (_one, 10 if not double else 6),
        (_two, 0.8 if not double else 9),
        (_predicate, 0.8),
        (_placed, 0.7),
        (_counted, 0.25),
        (_absent, 0.3),
    ]
    if wanted == "neutral":
        forms = [(_near, 1.2), (_unverifiable, 8), (_aside, 0.12)]
    elif wanted == "contradiction" and rng.random() < 0.3:
        forms = [(_unverifiable, 1)]
    form = rng.choices([form for form, _ in forms], [weight for _, weight in forms])[0]
    said = form(scene, wanted, rng)
    return None if said is None else Hypothesis(said.text, wanted, phrases=said.phrases)


def _until(wanted: Verdict, propose: Callable[[], tuple[Said, Verdict]]) -> Said | None:
    for _ in range(TRIES):
        said, verdict = propose()
        if verdict == wanted:
            return said
    return None


def _maybe_corrupt(item: Item, scene: Scene, wanted: Verdict, rng: random.Random) -> Item:
    return item if wanted == "entailment" else corrupt(item, scene, rng)


def _one(scene: Scene, wanted: Verdict, rng: random.Random) -> Said | None:
    def propose() -> tuple[Said, Verdict]:
        phrase = describe(_maybe_corrupt(rng.choice(scene.items), scene, wanted, rng), rng)
        bare = rng.random() < 0.75
        text = in_words(phrase, rng, article=None if bare else True)
        return Said(text if bare else framed(text, rng, share=1.0), (phrase,)), judge(scene, (phrase,))

    return _until(wanted, propose)


def _two(scene: Scene, wanted: Verdict, rng: random.Random) -> Said | None:
    def propose() -> tuple[Said, Verdict]:
        items, relation = _two_items(scene, wanted, rng)
        full = rng.choice((1.0, 0.6, 0.3))
        phrases = describe(items[0], rng, full=full), describe(items[1], rng, full=full)
        article = rng.random() < 0.7
        words = [in_words(phrase, rng, article=article) for phrase in phrases]
        text = rng.choice(RELATION_WORDS[relation]).format(*words)
        return Said(framed(text, rng, share=0.15), phrases), judge(scene, phrases, relation)

    return _until(wanted, propose)


def _two_items(scene: Scene, wanted: Verdict, rng: random.Random) -> tuple[list[Item], Relation]:
    """Two items to speak of, and how they stand: as they are, swapped, or one of them wrong."""
    first = rng.choice(scene.items)
    second = next((other for other in scene.items if other != first), first)
    if first == second:
        second = corrupt(first, scene, rng)
    items = [first, second]
    placed: Relation = "and"
    if rng.random() < 0.25:
        placed = rng.choice(("beside", "left", "right", "above", "below"))
    if wanted == "contradiction":
        draw = rng.random()
        if draw < 0.5:  # the twin: the same words, bound the other way round
            items = [
                replace(first, colour=second.colour, finish=second.finish),
                replace(second, colour=first.colour, finish=first.finish),
            ]
            if draw < 0.15:
                items = [replace(first, colour=second.colour), replace(second, colour=first.colour)]
        elif draw < 0.85 or placed == "and":
            wrong = rng.randrange(2)
            items[wrong] = corrupt(items[wrong], scene, rng)
    rng.shuffle(items)
    return items, placed


def _predicate(scene: Scene, wanted: Verdict, rng: random.Random) -> Said | None:
    def propose() -> tuple[Said, Verdict]:
        item = rng.choice(scene.items)
        said = _maybe_corrupt(item, scene, wanted, rng)
        phrase = replace(describe(replace(said, kind=item.kind), rng, full=1.0), finish="")
        plural = not with_article(phrase.kind).startswith(("a ", "an "))
        text = f"the {phrase.kind} {'are' if plural else 'is'} {phrase.colour}"
        return Said(text, (phrase,)), judge(scene, (phrase,))

    return _until(wanted, propose)


def _placed(scene: Scene, wanted: Verdict, rng: random.Random) -> Said | None:
    """An item and what it lies on; either may be wrong."""
    if scene.background not in CLEAR:
        return None

    def propose() -> tuple[Said, Verdict]:
        item, background = rng.choice(scene.items), scene.background
        if wanted == "contradiction" and rng.random() < 0.5:
            background = rng.choice([name for name in CLEAR if name != background])
        elif wanted == "contradiction":
            item = corrupt(item, scene, rng)
        phrase = describe(item, rng)
        text = f"{in_words(phrase, rng, article=True)} {BACKGROUNDS[background].phrase}"
        return Said(text, (phrase,)), judge(scene, (phrase,)) if background == scene.background else "contradiction"

    return _until(wanted, propose)


def _counted(scene: Scene, wanted: Verdict, rng: random.Random) -> Said | None:
    names = {1: ("one item", "a single item", "one thing"), 2: ("two items", "two things", "two different items"),
             3: ("three items", "three things", "several items")}  # fmt: skip
    count = len(scene.items)
    if wanted == "contradiction":
        count = rng.choice([3 - count, 3 - count, 3])
    return Said(framed(rng.choice(names[count]), rng, share=0.4))


def _absent(scene: Scene, wanted: Verdict, rng: random.Random) -> Said | None:
    def propose() -> tuple[Said, Verdict]:
        item = rng.choice(scene.items)
        said = item if wanted == "contradiction" else corrupt(item, scene, rng)
        phrase = describe(said, rng, full=0.2)
        noun = in_words(phrase, rng, article=False)
        text = rng.choice(("no {}", "there is no {}", "not {}", "{} is missing")).format(noun)
        opposite: dict[Verdict, Verdict] = {"entailment": "contradiction", "contradiction": "entailment"}
        verdict = judge(scene, (phrase,))
        return Said(text, (phrase,)), opposite.get(verdict, verdict)

    return _until(wanted, propose)


def _near(scene: Scene, wanted: Verdict, rng: random.Random) -> Said | None:
    """The right colour on a kind that some would call so: neither proved nor disproved."""

    def propose() -> tuple[Said, Verdict]:
        item = rng.choice(scene.items)
        phrase = describe(replace(item, kind=rng.choice(list(KINDS))), rng)
        return Said(framed(in_words(phrase, rng), rng, share=0.2), (phrase,)), judge(scene, (phrase,))

    for _ in range(4):
        said = _until(wanted, propose)
        if said is not None:
            return said
    return None


def _unverifiable(scene: Scene, wanted: Verdict, rng: random.Random) -> Said | None:
    """What no picture proves, of the right thing (open) or of the wrong one (refuted)."""

    def propose() -> tuple[Said, Verdict]:
        item = rng.choice(scene.items)
        phrase = describe(item if wanted == "neutral" else corrupt(item, scene, rng), rng)
        if not phrase.kind or phrase.finish == "plain":
            phrase = replace(phrase, kind="", finish="")
        verdict = judge(scene, (phrase,))
        spoken = replace(phrase, kind=phrase.kind or "thing")
        word, before, _ = modifier(rng)
        noun = modified(in_words(spoken, rng, article=False), word, before=before)
        owned = before and (word in ("my", "his", "her") or word.endswith("'s"))
        if not owned and rng.random() < 0.5:
            noun = with_article(noun) if before else with_article(noun.split(f" {word}")[0]) + f" {word}"
        open_or_refuted: Verdict = "neutral" if verdict == "entailment" else verdict
        return Said(framed(noun, rng, share=0.2), (phrase,)), open_or_refuted

    return _until(wanted, propose)


def _aside(scene: Scene, wanted: Verdict, rng: random.Random) -> Said | None:  # noqa: ARG001  (a form like the others)
    return Said(rng.choice(ASIDES))


def _with_premise(scene: Scene, made: Hypothesis, rng: random.Random) -> Hypothesis:
    """The hypothesis with a true caption for a premise; now and then the premise settles what the picture cannot."""
    item = rng.choice(scene.items)
    phrase = describe(item, rng)
    if not phrase.kind or rng.random() < 0.6:
        return replace(made, premise=in_words(phrase, rng))
    word, before, group = modifier(rng)
    premise = modified(in_words(phrase, rng, article=False), word, before=before)
    said = rng.choice((word, word, *group))
    text = modified(in_words(replace(phrase, finish=""), rng, article=False), said, before=before)
    return Hypothesis(text, "entailment" if said == word else "contradiction", premise)
