"""Asking the engine: each query once, its candidates by similarity and as the reranker orders them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from retrieval.engine import SearchEngine
from retrieval.evaluation.judgements import Query
from retrieval.evaluation.metrics import figures, first_rank

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Rankings:
    """Image ids of one text's candidates, best first; ``reranked`` is None where only similarity was asked for.

    ``quoted`` are the images whose caption in the collection is the text word for word: the reranker has read it.
    """

    similarity: tuple[str, ...]
    reranked: tuple[str, ...] | None
    degraded: str | None
    quoted: frozenset[str]


@dataclass(frozen=True)
class Outcome:
    """What came of one query: every metric, and the rank of the first right image (None: not among the candidates)."""

    query: Query
    similarity: tuple[float, ...]
    rank_by_similarity: int | None
    reranked: tuple[float, ...] | None
    rank_reranked: int | None
    degraded: str | None
    quoted: bool


def ask(engine: SearchEngine, text: str, *, candidates: int, rerank: bool, fusion_weight: float | None) -> Rankings:
    """Both orders of a text's candidates, from one search."""
    result = engine.search(
        text, top_k=candidates, candidates=candidates, rerank=rerank, fusion_weight=fusion_weight if rerank else None
    )
    # Equal similarities stand in the order of ids, so that the reranker's order does not leak into this one.
    similar = sorted(result.hits, key=lambda hit: (-hit.similarity, hit.id))
    quoted = frozenset(hit.id for hit in result.hits if hit.caption and " ".join(hit.caption.split()) == text)
    ranked = tuple(hit.id for hit in result.hits) if rerank else None
    return Rankings(tuple(hit.id for hit in similar), ranked, result.degraded, quoted)


def outcomes(
    engine: SearchEngine,
    queries: Sequence[Query],
    *,
    candidates: int,
    rerank: bool,
    fusion_weight: float | None,
    progress: Progress | None = None,
) -> Iterator[Outcome]:
    """What comes of each query, in their order; a text that several data sets ask is searched once."""
    times = Counter(query.text for query in queries)
    kept: dict[str, Rankings] = {}
    for done, query in enumerate(queries, start=1):
        rankings = kept.pop(query.text, None) or ask(
            engine, query.text, candidates=candidates, rerank=rerank, fusion_weight=fusion_weight
        )
        times[query.text] -= 1
        if times[query.text]:
            kept[query.text] = rankings
        yield _outcome(query, rankings)
        if progress is not None:
            progress(done, len(queries))


def _outcome(query: Query, rankings: Rankings) -> Outcome:
    reranked = rankings.reranked
    return Outcome(
        query,
        tuple(figures(rankings.similarity, query.relevance)),
        first_rank(rankings.similarity, query.relevance),
        None if reranked is None else tuple(figures(reranked, query.relevance)),
        None if reranked is None else first_rank(reranked, query.relevance),
        rankings.degraded,
        not rankings.quoted.isdisjoint(query.relevance) and reranked is not None,
    )
