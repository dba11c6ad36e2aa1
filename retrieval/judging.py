"""The reranker's part in a search: candidates with their pictures, verdicts, and the order that follows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rerank import Candidate, EntailmentReranker, ImageTokens, RankedCandidate, Ranking
from rerank.fusion import Fusion
from rerank.turns import Turns
from retrieval.collection import Collection
from retrieval.events import Judged, Watch
from retrieval.ranking import Place, Ranked
from retrieval.types import ImageRecord, Neighbour

# Kept image tokens held for one search: 1.8 MB a candidate for a large reranker. The candidates beyond are read.
MOST_TOKEN_BYTES = 2**30
# Stands in for a picture whose file is gone, so that the reranker names it among those that it cannot read.
NO_IMAGE = b""


@dataclass(frozen=True)
class Terms:
    """What pictures are held against, and how verdicts and similarities become one order.

    ``until`` is when to stop, on the clock of ``time.perf_counter``.
    """

    query: str
    negative: str | None
    fusion_weight: float
    similarity_scale: float
    until: float | None = None

    def left(self) -> float | None:
        """Milliseconds that are left; None for any number."""
        return None if self.until is None else (self.until - time.perf_counter()) * 1000.0


def candidates_for(
    reranker: EntailmentReranker,
    collection: Collection,
    neighbours: Sequence[Neighbour],
    records: dict[str, ImageRecord],
) -> list[Candidate]:
    """Candidates with the image tokens that the collection keeps; without, with their files."""
    ids = [neighbour.id for neighbour in neighbours]
    fingerprint, (cells, width) = reranker.image_fingerprint, reranker.token_shape
    tokens = collection.rerank_tokens(ids[: MOST_TOKEN_BYTES // (2 * cells * width)], fingerprint)
    files = collection.files([image_id for image_id in ids if image_id not in tokens])
    return [
        Candidate(
            one.id,
            files.get(one.id, NO_IMAGE),
            records[one.id].caption,
            one.similarity,
            ImageTokens(tokens[one.id], fingerprint) if one.id in tokens else None,
        )
        for one in neighbours
    ]


def judge(
    reranker: EntailmentReranker, candidates: Sequence[Candidate], terms: Terms, watch: Watch | None
) -> Turns[Ranked]:
    """Candidates in the order of their verdicts, those that were not judged behind them.

    With a negative text each is judged twice, and ordered by how probable it is that it entails the query and
    not the negative text: the product of the one and what is left of 1 by the other.
    """
    passes = 1 if terms.negative is None else 2

    def tell(batch: Sequence[RankedCandidate], done: int, total: int) -> None:
        if watch is not None:
            watch(Judged([_place(one) for one in batch], done, passes * total))

    ranking = yield from reranker.rank_turns(
        terms.query,
        candidates,
        fusion_weight=terms.fusion_weight,
        similarity_scale=terms.similarity_scale,
        deadline_ms=terms.left(),
        watch=tell,
    )
    if terms.negative is None:
        places = tuple(_place(one) for one in ranking)
        return Ranked(places, not places or any(one.verdict for one in places), ranking.degraded)
    return (yield from _without(reranker, candidates, ranking, terms, watch))


def _without(
    reranker: EntailmentReranker,
    candidates: Sequence[Candidate],
    ranking: Ranking,
    terms: Terms,
    watch: Watch | None,
) -> Turns[Ranked]:
    """A ranking with the negative text taken into account. What it was not held against counts as not judged."""
    by_id = {one.id: one for one in candidates}
    judged = [one for one in ranking if one.verdict is not None]
    first_of = {one.id: one for one in judged}
    fusion = Fusion(terms.fusion_weight, [one.similarity for one in candidates], terms.similarity_scale)
    both_of: dict[str, Place] = {}

    def take(batch: Sequence[RankedCandidate], done: int, total: int) -> None:
        places = []
        for one in batch:
            if one.verdict is not None:
                both = _place(first_of[one.id], negative=one.verdict.entailment)
                places.append(replace(both, score=fusion.score(both.entailment or 0.0, both.similarity)))
        both_of.update((one.id, one) for one in places)
        if watch is not None:
            watch(Judged(places, len(ranking) + len(ranking) - total + done, 2 * len(ranking)))

    left = terms.left()
    assert terms.negative is not None
    if judged and (left is None or left > 0.0):
        yield from reranker.rank_turns(terms.negative, [by_id[one.id] for one in judged], deadline_ms=left, watch=take)
    first = [both_of[one.id] for one in ranking if one.id in both_of]
    first.sort(key=lambda one: (-float(f"{one.score:.5g}"), -one.similarity))
    others = [_place(one, judged=False) for one in ranking if one.id not in both_of]
    missed = len(judged) - len(both_of)
    parts = [ranking.degraded] if ranking.degraded else []
    if missed:
        parts.append(f"the deadline came before {missed} of {len(judged)} were held against the negative text")
    return Ranked((*first, *others), not candidates or bool(first), "; ".join(parts) or None)


def _place(one: RankedCandidate, *, negative: float | None = None, judged: bool = True) -> Place:
    similarity = one.similarity or 0.0
    if not judged or one.verdict is None:
        return Place(one.id, similarity, similarity)
    return Place(one.id, similarity, similarity if one.score is None else one.score, one.verdict, negative)
