"""Rows judged window by window: pictures are decoded ahead, and one bad row costs itself alone."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rerank.audit.pictures import PictureReader, Prepared
from rerank.audit.types import AuditCancelled, AuditRow, Judge, Outcome
from rerank.errors import ImageError, VeralensError
from rerank.types import Entailment

# Rows handed to the model at once. It orders them by the length of their prompts: the more, the less padding.
WINDOW = 128
AHEAD = 2
Pair = tuple[Image.Image, str, str | None]


def judged(
    rows: Iterator[AuditRow], judge: Judge, pictures: PictureReader
) -> Iterator[tuple[list[AuditRow], list[Outcome]]]:
    """``rows`` in their order with their outcomes, a window at a time."""
    waiting: deque[list[tuple[AuditRow, Future[Prepared] | None]]] = deque()
    while True:
        while len(waiting) < AHEAD and (window := list(itertools.islice(rows, WINDOW))):
            waiting.append([(row, None if row.problem else pictures.submit(row.image)) for row in window])
        if not waiting:
            return
        taken = waiting.popleft()
        yield [row for row, _ in taken], _window(taken, judge)


def _window(window: list[tuple[AuditRow, Future[Prepared] | None]], judge: Judge) -> list[Outcome]:
    outcomes: list[Outcome] = []
    pairs: list[Pair] = []
    places: list[int] = []
    for row, future in window:
        try:
            if future is None:
                outcomes.append(Outcome(problem=row.problem))
                continue
            prepared = future.result()
        except ImageError as error:
            outcomes.append(Outcome(problem=f"image {error.reason}"))
        else:
            places.append(len(outcomes))
            pairs.append((prepared.image, row.text, row.premise))
            outcomes.append(Outcome(thumbnail=prepared.thumbnail))
    for place, verdict in zip(places, _verdicts(pairs, judge), strict=True):
        if isinstance(verdict, Entailment):
            outcomes[place] = Outcome(verdict, thumbnail=outcomes[place].thumbnail)
        else:
            outcomes[place] = Outcome(problem=verdict)
    return outcomes


def _verdicts(pairs: list[Pair], judge: Judge) -> list[Entailment | str]:
    """Verdicts, or what is wrong with a pair; if the model fails on all of them together, pair by pair."""
    if not pairs:
        return []
    try:
        return _of(judge.score(pairs))
    except (AuditCancelled, VeralensError):
        raise
    except Exception as error:
        found: list[Entailment | str] = []
        for pair in pairs:
            try:
                found += _of(judge.score([pair]))
            except AuditCancelled:
                raise
            except Exception as reason:
                found.append(f"cannot be judged ({type(reason).__name__}: {reason})"[:300])
        if not any(isinstance(one, Entailment) for one in found):
            raise error  # it is not the rows
        return found


def _of(scores: NDArray[np.float32]) -> list[Entailment | str]:
    return [
        Entailment(*(float(value) for value in row))
        if np.isfinite(row).all()
        else "cannot be judged (no finite verdict)"
        for row in scores
    ]
