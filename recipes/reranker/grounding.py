"""Which word of a text speaks of which thing in a drawn picture: labels for the rows of single words.

A text's label is one bit for a dozen words. What else its rows need to hold can be told each of them by itself:
that "jeans" is said to be red, that where it stands the picture is blue, and that "red jeans" is therefore refuted.
Without that the model answers by the bag of words.
"""

from __future__ import annotations

from typing import NamedTuple

from indexer.samples.types import Item, Scene
from indexer.samples.vocabulary import COLOURS, FINISHES, KINDS
from recipes.reranker.hypotheses import VERDICTS, Hypothesis
from recipes.reranker.truth import Phrase, colour_words, finish_words, fits, judge, kinds_meant
from rerank.ofa.preprocess import normalise_text
from rerank.ofa.tokenizer import Tokenizer

LABEL_TABLES = (list(KINDS), list(COLOURS), list(FINISHES))
UNKNOWN = -1
Labels = tuple[int, int, int]
NOTHING: Labels = (UNKNOWN, UNKNOWN, UNKNOWN)


class Mark(NamedTuple):
    """What the row of a word can know, as classes of ``LABEL_TABLES``; ``UNKNOWN`` where there is nothing to know."""

    row: int
    seen: Labels  # the one thing in the picture that the word is true of
    said: Labels  # the phrase that the word stands in
    verdict: int  # whether the picture shows what the phrase says


def labels_of(item: Item) -> Labels:
    """Kind, colour and finish as classes of ``LABEL_TABLES``."""
    values = (item.kind, item.colour, item.finish)
    kind, colour, finish = (table.index(value) for table, value in zip(LABEL_TABLES, values, strict=True))
    return kind, colour, finish


def marks(hypothesis: Hypothesis, tokens: list[int], scene: Scene, tokenizer: Tokenizer) -> list[Mark]:
    """A mark for each word of the hypothesis's phrases, on its last token; none behind a premise."""
    found: list[Mark] = []
    reached = 0
    for phrase in hypothesis.phrases if hypothesis.premise is None else ():
        rows = _rows(phrase, tokens, tokenizer, reached)
        reached = max([reached, *(row + 1 for row in rows.values())])
        said, verdict = _said(phrase), VERDICTS.index(judge(scene, (phrase,)))
        found += [Mark(row, _seen(word, scene), said, verdict) for word, row in rows.items()]
    return found


def _rows(phrase: Phrase, tokens: list[int], tokenizer: Tokenizer, start: int) -> dict[Phrase, int]:
    """Where each spoken word of the phrase ends, as a phrase of that word alone."""
    rows = {}
    for word in (Phrase(colour=phrase.colour), Phrase(finish=phrase.finish), Phrase(kind=phrase.kind)):
        spoken = word.colour or word.finish or word.kind
        ids = tokenizer.encode(" " + normalise_text(spoken, 8)) if spoken else []
        at = next((n for n in range(start, len(tokens)) if ids and tokens[n : n + len(ids)] == ids), None)
        if at is not None:
            rows[word] = at + len(ids) - 1
    return rows


def _seen(word: Phrase, scene: Scene) -> Labels:
    """The one item the word is true of, if no other might be meant."""
    verdicts = [fits(word, item) for item in scene.items]
    meant = [n for n, verdict in enumerate(verdicts) if verdict != "contradiction"]
    return labels_of(scene.items[meant[0]]) if len(meant) == 1 and verdicts[meant[0]] == "entailment" else NOTHING


def _said(phrase: Phrase) -> Labels:
    kinds = kinds_meant(phrase.kind) if phrase.kind else frozenset()
    kind = LABEL_TABLES[0].index(next(iter(kinds))) if len(kinds) == 1 else UNKNOWN
    colour = LABEL_TABLES[1].index(colour_words()[phrase.colour]) if phrase.colour else UNKNOWN
    finish = UNKNOWN
    if phrase.finish:
        finish = LABEL_TABLES[2].index(finish_words().get(phrase.finish, phrase.finish))
    return kind, colour, finish
