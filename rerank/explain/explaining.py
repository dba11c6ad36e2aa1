"""A verdict explained: which part of the text is in the picture, and which word is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rerank.errors import InputError
from rerank.explain.blame import comparisons, culprits
from rerank.explain.plan import plan
from rerank.explain.types import Explanation, Part
from rerank.types import Entailment, ImageSource, Pair


class Judge(Protocol):
    """What explaining needs of a model."""

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]: ...


def explain_text(judge: Judge, image: ImageSource, text: str, premise: str | None = None) -> Explanation:
    """``EntailmentReranker.explain`` without regions, for any model that scores pairs: one call judges all parts.

    Raises:
        InputError: the text is empty.
        ImageError: the image cannot be read.
    """
    if not text.strip():
        raise InputError("text is empty; say what the picture should show")
    phrases, questions = plan(text)
    asked = list(dict.fromkeys([text, *(one.hypothesis for one in questions), *comparisons(phrases)]))
    scores = judge.score([(image, hypothesis, premise) for hypothesis in asked])
    verdicts = {hypothesis: Entailment(*row) for hypothesis, row in zip(asked, scores.tolist(), strict=True)}
    parts = tuple(
        Part(
            one.kind, text[one.start : one.end], one.start, one.end, one.hypothesis, verdicts[one.hypothesis], one.item
        )
        for one in questions
    )
    entailments = {hypothesis: verdict.entailment for hypothesis, verdict in verdicts.items()}
    found = () if verdicts[text].label == "entailment" else culprits(text, phrases, entailments)
    return Explanation(text, verdicts[text], parts, found)
