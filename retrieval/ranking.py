"""The order that a search ends with, before it is cut into pages and the records of its images are fetched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rerank.types import Entailment
from retrieval.types import Neighbour, Vectors


@dataclass(frozen=True, slots=True)
class Place:
    """One image in the order. ``score`` is what it is ordered by.

    ``verdict`` is None when it was not judged. ``negative`` is the probability that it entails what it should
    not show, where that was asked; ``duplicates`` are images that look the same and stand behind it.
    """

    id: str
    similarity: float
    score: float
    verdict: Entailment | None = None
    negative: float | None = None
    duplicates: tuple[str, ...] = ()

    @property
    def entailment(self) -> float | None:
        """How probable it is that the image shows what it should and not what it should not."""
        return None if self.verdict is None else self.verdict.entailment * (1.0 - (self.negative or 0.0))


@dataclass(frozen=True)
class Ranked:
    """The places, best first; ``degraded`` says why reranking was skipped or cut short, where it was."""

    places: tuple[Place, ...]
    reranked: bool
    degraded: str | None = None


def by_similarity(neighbours: Sequence[Neighbour], degraded: str | None) -> Ranked:
    """Neighbours as stage one ordered them; ``degraded`` says why there is no more to it."""
    return Ranked(tuple(Place(one.id, one.similarity, one.similarity) for one in neighbours), False, degraded)


def checked_only(ranked: Ranked, least: float) -> Ranked:
    """What is of at least this entailment, and in ``degraded`` how many were left out unchecked."""
    # Who sets a least entailment wants hits that were checked.
    kept = tuple(one for one in ranked.places if one.entailment is not None and one.entailment >= least)
    unjudged = sum(one.verdict is None for one in ranked.places)
    if not unjudged:
        return replace(ranked, places=kept)
    parts = [ranked.degraded] if ranked.degraded else []
    degraded = "; ".join([*parts, f"min_entailment leaves out the {unjudged} that were not judged"])
    return replace(ranked, places=kept, degraded=degraded)


def grouped(ranked: Ranked, threshold: float, vectors_of: Callable[[Sequence[str]], dict[str, Vectors]]) -> Ranked:
    """The same order with images that look the same as a better one put behind it, as its ``duplicates``.

    Two images belong together when the cosine of their embeddings is at least ``threshold``, or when both belong
    with a third. ``vectors_of`` gives the embeddings, (dimension,), of those images that still are there.
    """
    vectors = vectors_of([one.id for one in ranked.places])
    known = [one for one in ranked.places if one.id in vectors]
    if len(known) < 2:
        return ranked
    leaders = _leaders(np.stack([vectors[one.id] for one in known]), threshold)
    behind: dict[str, list[str]] = {}
    for one, leader in zip(known, leaders, strict=True):
        if known[leader] is not one:
            behind.setdefault(known[leader].id, []).append(one.id)
    hidden = {image for images in behind.values() for image in images}
    places = (replace(one, duplicates=tuple(behind.get(one.id, ()))) for one in ranked.places if one.id not in hidden)
    return replace(ranked, places=tuple(places))


def _leaders(vectors: Vectors, threshold: float) -> list[int]:
    """For each row the first row of its group."""
    parents = list(range(len(vectors)))

    def root(row: int) -> int:
        while parents[row] != row:
            parents[row] = row = parents[parents[row]]
        return row

    for start in range(0, len(vectors), 512):
        # float32 sums of one vector with itself come out a little under 1.
        close = vectors[start : start + 512] @ vectors.T >= threshold - 1e-6
        for first, second in np.argwhere(close).tolist():
            one, other = root(start + first), root(second)
            parents[max(one, other)] = min(one, other)
    return [root(row) for row in range(len(vectors))]
