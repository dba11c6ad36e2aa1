"""How well a collection answers: recall and rank of the right pictures, before and after reranking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from retrieval.engine import SearchEngine
from retrieval.types import Encoder

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Query:
    """A text and the ids of every image that answers it."""

    text: str
    relevant: frozenset[str]


@dataclass(frozen=True)
class Metrics:
    """Shares of queries with a right picture among the first 1, 5 and 10, and mean reciprocal rank.

    ``precision_at_5`` is the mean share of right pictures among the first 5 (of those that exist).
    """

    queries: int
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    mrr: float
    precision_at_5: float


@dataclass(frozen=True)
class Comparison:
    """The same queries by similarity alone and reranked."""

    similarity: Metrics
    reranked: Metrics


def metrics(rankings: Sequence[Sequence[str]], relevant: Sequence[frozenset[str]]) -> Metrics:
    """Metrics of ranked ids against the relevant ones, query by query."""
    first, precision = [], []
    for ranking, right in zip(rankings, relevant, strict=True):
        hits = [position for position, image in enumerate(ranking, start=1) if image in right]
        first.append(hits[0] if hits else np.inf)
        precision.append(sum(position <= 5 for position in hits) / max(1, min(5, len(right))))
    ranks = np.array(first, dtype=np.float64)
    if not len(ranks):
        return Metrics(0, 0.0, 0.0, 0.0, 0.0, 0.0)
    at_1, at_5, at_10 = (float((ranks <= k).mean()) for k in (1, 5, 10))
    return Metrics(len(ranks), at_1, at_5, at_10, float((1.0 / ranks).mean()), float(np.mean(precision)))


def compare(
    engine: SearchEngine, queries: Sequence[Query], *, candidates: int = 100, progress: Progress | None = None
) -> Comparison:
    """Ask every query twice, by similarity alone and reranked."""
    plain: list[list[str]] = []
    reranked: list[list[str]] = []
    for done, query in enumerate(queries, start=1):
        for rankings, rerank in ((plain, False), (reranked, True)):
            result = engine.search(query.text, top_k=10, candidates=candidates, rerank=rerank)
            rankings.append([hit.id for hit in result.hits])
        if progress is not None:
            progress(done, len(queries))
    relevant = [query.relevant for query in queries]
    return Comparison(metrics(plain, relevant), metrics(reranked, relevant))


def group_queries(captions: Iterable[tuple[str, str]]) -> list[Query]:
    """Queries from (image id, caption) rows: each caption once, answered by every image that bears it."""
    images: dict[str, set[str]] = {}
    for image, caption in captions:
        images.setdefault(caption, set()).add(image)
    return [Query(caption, frozenset(ids)) for caption, ids in images.items()]


def choose_similar(encoder: Encoder, images: Sequence[Image.Image], texts: Sequence[str]) -> list[int]:
    """For each text the index of the most similar image: the choice that stage one makes among a few."""
    similarity = encoder.encode_texts(texts) @ encoder.encode_images(images).T
    return [int(best) for best in similarity.argmax(axis=1)]
