"""Which words of a text are not in the picture: those whose addition turns the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from rerank.explain.phrases import Phrase, Piece
from rerank.explain.plan import hypothesis_of, related
from rerank.explain.types import Culprit

# Words that cost less are named in vain too often; `benchmarks/explanations.py` has the figures.
LEAST_COST = 0.3
MOST = 5


def comparisons(phrases: Sequence[Phrase]) -> Iterator[str]:
    """The hypotheses, beside those of the parts themselves, that ``culprits`` compares."""
    for phrase in phrases:
        for piece in phrase.attributes:
            yield hypothesis_of(phrase, [piece])


def culprits(text: str, phrases: Sequence[Phrase], entailment: Mapping[str, float]) -> tuple[Culprit, ...]:
    """The words most at fault, worst first; ``entailment`` holds that of every hypothesis."""
    costs = [cost for phrase in phrases for cost in _costs(phrase, entailment)]
    costs += _relations(text, phrases, entailment)
    found = [
        Culprit(text[piece.start : piece.end], piece.start, piece.end, cost)
        for piece, cost in costs
        if cost >= LEAST_COST
    ]
    return tuple(sorted(found, key=lambda one: -one.cost)[:MOST])


def _costs(phrase: Phrase, entailment: Mapping[str, float]) -> Iterator[tuple[Piece, float]]:
    """What each piece takes away: from the bare thing when it is added, and, left out, from all the others."""
    bare, full = entailment[phrase.thing.text], entailment[hypothesis_of(phrase)]
    yield phrase.thing, 1.0 - bare
    for piece in phrase.attributes:
        others = [other for other in phrase.attributes if other is not piece]
        added = max(0.0, bare - entailment[hypothesis_of(phrase, others)])
        left_out = max(0.0, entailment[hypothesis_of(phrase, [piece])] - full)
        yield piece, (added + left_out) / 2


def _relations(text: str, phrases: Sequence[Phrase], entailment: Mapping[str, float]) -> Iterator[tuple[Piece, float]]:
    """How two things stand to each other is at fault where both are there and the two together are not."""
    for first, second in pairwise(phrases):
        if second.link is not None:
            both = min(entailment[hypothesis_of(first)], entailment[hypothesis_of(second)])
            yield second.link, max(0.0, both - entailment[related(text, first, second)])
