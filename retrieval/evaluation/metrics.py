"""How good one ranking is: figures of ranked image ids against what each image is worth as an answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

Ranking = Sequence[str]
# Image id to grade. Above 0 is relevant; images that are not named are not.
Relevance = Mapping[str, float]


def first_rank(ranking: Ranking, relevance: Relevance) -> int | None:
    """The place of the first relevant image, from 1; None when there is none in the ranking."""
    return next((rank for rank, image in enumerate(ranking, start=1) if relevance.get(image, 0.0) > 0.0), None)


def recall_at(ranking: Ranking, relevance: Relevance, k: int) -> float:
    """1 when a relevant image is among the first ``k``, else 0: over queries, the share that was answered.

    This is R@k as text-to-image retrieval reports it (Karpathy & Fei-Fei, 2015), also where several images
    are relevant; how many of them are found counts in ``ndcg_at``.
    """
    rank = first_rank(ranking, relevance)
    return float(rank is not None and rank <= k)


def reciprocal_rank(ranking: Ranking, relevance: Relevance) -> float:
    """1 / the place of the first relevant image, 0 when the ranking has none."""
    rank = first_rank(ranking, relevance)
    return 0.0 if rank is None else 1.0 / rank


def ndcg_at(ranking: Ranking, relevance: Relevance, k: int) -> float:
    """Normalised discounted cumulative gain of the first ``k``, 0..1; 0 when nothing is relevant.

    An image at place i gains its grade / log2(i + 1) (Järvelin & Kekäläinen, 2002); the sum is divided by
    that of the best possible order. Gains are linear, as in scikit-learn's ``ndcg_score``.
    """
    best = _gain(sorted((grade for grade in relevance.values() if grade > 0.0), reverse=True)[:k])
    return _gain([max(relevance.get(image, 0.0), 0.0) for image in ranking[:k]]) / best if best else 0.0


def _gain(grades: Sequence[float]) -> float:
    return sum(grade / math.log2(place + 1) for place, grade in enumerate(grades, start=1))


METRICS: dict[str, Callable[[Ranking, Relevance], float]] = {
    "r@1": lambda ranking, relevance: recall_at(ranking, relevance, 1),
    "r@5": lambda ranking, relevance: recall_at(ranking, relevance, 5),
    "r@10": lambda ranking, relevance: recall_at(ranking, relevance, 10),
    "mrr": reciprocal_rank,
    "ndcg@10": lambda ranking, relevance: ndcg_at(ranking, relevance, 10),
}
TITLES = {"r@1": "R@1", "r@5": "R@5", "r@10": "R@10", "mrr": "MRR", "ndcg@10": "nDCG@10"}


def figures(ranking: Ranking, relevance: Relevance) -> list[float]:
    """Every metric of one ranking, in the order of ``METRICS``."""
    return [metric(ranking, relevance) for metric in METRICS.values()]
