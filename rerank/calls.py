"""What the calls of a reranker come to: pairs and candidates as jobs, and what is made of their scores."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rerank.ahead import Job
from rerank.deadline import Deadline
from rerank.errors import ImageError
from rerank.ofa.entailment import EntailmentModel
from rerank.ordering import Ordering
from rerank.scoring import Scorer, Scores
from rerank.turns import Late, Turns
from rerank.types import Candidate, ImageSource, ImageTokens, Pair, RankedCandidate, Ranking

T = TypeVar("T")
# Probabilities (3,), or what went wrong.
Row = NDArray[np.float32] | Exception
# Called after each batch with what it has judged, how many are done with, and how many there are.
Watch = Callable[[Sequence[RankedCandidate], int, int], None]


def jobs_of(model: EntailmentModel, pairs: Sequence[Pair]) -> list[Job]:
    """Pairs as the scorer takes them."""
    return [Job(pair[0], model.tokens(pair[1], pair[2] if len(pair) == 3 else None)) for pair in pairs]


def rows_of(scores: Scores) -> list[Row]:
    """For each job its probabilities, or the exception that it failed with; ``Late`` where its turn did not come."""
    return [
        scores.probabilities[index] if judged else scores.errors.get(index, Late("the deadline came"))
        for index, judged in enumerate(scores.judged)
    ]


def ranking(
    scorer: Scorer,
    query: str,
    candidates: Sequence[Candidate | ImageSource],
    order: Ordering,
    deadline: Deadline,
    watch: Watch | None,
    most: int,
) -> Turns[Ranking]:
    """``EntailmentReranker.rank`` in turns of ``most`` pairs."""
    given = [one if isinstance(one, Candidate) else Candidate(str(index), one) for index, one in enumerate(candidates)]
    prompts = {caption: scorer.model.tokens(query, caption) for caption in {one.caption for one in given}}
    jobs = [Job(one.image, prompts[one.caption], one.tokens) for one in given]

    def judged(scores: Scores, batch: Sequence[int]) -> None:
        if watch is not None:
            watch(order.judged(given, scores, batch), scores.done, len(given))

    return order.apply(given, (yield from scorer.scoring(jobs, deadline, judged, most)))


@dataclass(frozen=True)
class InTurns:
    """A scorer as explanations ask it, ``most`` pairs or pictures at once, pairs until ``deadline``."""

    scorer: Scorer
    most: int
    deadline: Deadline = field(default_factory=Deadline)

    def score_turns(self, pairs: Sequence[Pair], *, tokens: Sequence[ImageTokens] = ()) -> Turns[list[Row]]:
        """Each pair's row, or the exception that it failed with; ``tokens`` are its image's, where they are known."""
        jobs = jobs_of(self.scorer.model, pairs)
        if tokens:
            jobs = [replace(job, tokens=one) for job, one in zip(jobs, tokens, strict=True)]
        return rows_of((yield from self.scorer.scoring(jobs, self.deadline, None, self.most)))

    def encode_turns(self, images: Sequence[ImageSource]) -> Turns[list[ImageTokens | ImageError]]:
        """Each image's tokens, or what is wrong with it."""
        encoded = yield from self.scorer.encoding(images, self.most)
        fingerprint = self.scorer.model.image_fingerprint
        return [one if isinstance(one, ImageError) else ImageTokens(one, fingerprint) for one in encoded]


async def off_loop(job: Callable[[threading.Event], T]) -> T:
    """``job`` on another thread; cancelling it sets the event that ``job`` is given."""
    cancelled = threading.Event()
    try:
        return await asyncio.to_thread(job, cancelled)
    except asyncio.CancelledError:
        cancelled.set()
        raise
