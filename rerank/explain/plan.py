"""What is to be asked of the model: the parts of a text, and one short hypothesis for each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from rerank.explain.phrases import Phrase, Piece, read_phrases
from rerank.explain.types import PartKind

# A search for the missing word is worth a few batches, not a minute: what goes beyond is one part.
MAX_ITEMS = 8


@dataclass(frozen=True)
class Question:
    """A part of the text (kind, place) and the hypothesis that stands for it."""

    kind: PartKind
    start: int
    end: int
    hypothesis: str
    item: int | None = None


def hypothesis_of(phrase: Phrase, without: Collection[Piece] = ()) -> str:
    """The phrase in the text's own words and order, less some pieces; glue goes with what it glues."""
    kept = [piece for piece in phrase.pieces if piece not in without]
    while kept and kept[-1].role == "glue":
        kept.pop()
    while kept and kept[0].role == "glue":
        kept.pop(0)
    return " ".join(piece.text for piece in kept)


def related(text: str, first: Phrase, second: Phrase) -> str:
    """Two things and how they stand to each other, in the text's own words."""
    return text[first.start : second.end]


def plan(text: str) -> tuple[list[Phrase], list[Question]]:
    """The first phrases of ``text`` and the questions to ask of all of it."""
    phrases = read_phrases(text)
    questions: list[Question] = []
    for number, phrase in enumerate(phrases[:MAX_ITEMS]):
        if phrase.link is not None and number:
            questions.append(_relation(text, phrases[number - 1], phrase))
        questions.extend(_item(phrase, len(questions)))
    if len(phrases) > MAX_ITEMS:
        start, end = phrases[MAX_ITEMS].start, phrases[-1].end
        questions.append(Question("rest", start, end, text[start:end]))
    if not phrases and text.strip():
        start = len(text) - len(text.lstrip())
        questions.append(Question("rest", start, len(text.rstrip()), text.strip()))
    return phrases[:MAX_ITEMS], questions


def _item(phrase: Phrase, place: int) -> list[Question]:
    asked = [Question("item", phrase.start, phrase.end, hypothesis_of(phrase))]
    if not phrase.attributes:
        return asked
    thing = phrase.thing
    asked.append(Question("thing", thing.start, thing.end, thing.text, place))
    for one in phrase.attributes:
        others = [other for other in phrase.attributes if other is not one]
        asked.append(Question("attribute", one.start, one.end, hypothesis_of(phrase, others), place))
    return asked


def _relation(text: str, first: Phrase, second: Phrase) -> Question:
    assert second.link is not None
    return Question("relation", second.link.start, second.link.end, related(text, first, second))
