"""A verdict explained: which part of the text is in the picture, and which word is not."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from rerank.errors import InputError
from rerank.explain.blame import comparisons, culprits
from rerank.explain.phrases import Phrase
from rerank.explain.plan import Question, plan
from rerank.explain.regions import MOST_COVERS, Judge, locating
from rerank.explain.types import Explanation, Part
from rerank.turns import Late, Turns, results
from rerank.types import Entailment, ImageSource


def explaining(
    judge: Judge, image: ImageSource, text: str, premise: str | None = None, *, regions: bool = False
) -> Turns[Explanation]:
    """``EntailmentReranker.explain`` in turns, for any model that judges pairs: first all parts, then the regions.

    Regions that the judge's deadline does not allow for are left out.

    Raises:
        Late: the deadline came before all parts were judged.
        InputError: the text is empty.
        ImageError: the image cannot be read.
    """
    if not text.strip():
        raise InputError("text is empty; say what the picture should show")
    phrases, questions = plan(text)
    asked = _hypotheses(text, phrases, questions)
    rows = results((yield from judge.score_turns([(image, hypothesis, premise) for hypothesis in asked])))
    verdicts = {hypothesis: Entailment(*row.tolist()) for hypothesis, row in zip(asked, rows, strict=True)}
    parts = tuple(
        Part(
            one.kind, text[one.start : one.end], one.start, one.end, one.hypothesis, verdicts[one.hypothesis], one.item
        )
        for one in questions
    )
    entailments = {hypothesis: verdict.entailment for hypothesis, verdict in verdicts.items()}
    found = () if verdicts[text].label == "entailment" else culprits(text, phrases, entailments)
    explanation = Explanation(text, verdicts[text], parts, found)
    if not regions:
        return explanation
    with suppress(Late):
        explanation = replace(explanation, regions=(yield from locating(judge, image, text, premise)))
    return explanation


def pairs_judged(text: str, *, regions: bool = False) -> int:
    """How many pairs of picture and text an explanation takes: what it costs, before it is begun."""
    return len(_hypotheses(text, *plan(text))) + (MOST_COVERS + 1) * regions


def _hypotheses(text: str, phrases: list[Phrase], questions: list[Question]) -> list[str]:
    """All that is held against the picture, each once."""
    return list(dict.fromkeys([text, *(one.hypothesis for one in questions), *comparisons(phrases)]))
