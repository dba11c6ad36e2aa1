"""Confidence intervals by the percentile bootstrap over queries (Efron & Tibshirani, 1993)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rerank.errors import InputError

CONFIDENCE = 0.95
RESAMPLES = 2_000
# Draws held in memory at once: 32 MB of them.
_MOST_DRAWS = 4_000_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean over queries and its confidence interval."""

    value: float
    low: float
    high: float


def estimates(values: Floats, *, resamples: int = RESAMPLES, seed: int = 0) -> list[Estimate]:
    """The mean of each column of ``values`` (queries, columns), with its 95 % interval.

    Every resample draws whole queries, the same for all columns: the interval of a column of differences
    is a paired one. The same ``seed`` gives the same intervals.

    Raises:
        InputError: there is no query, or ``resamples`` is below 1.
    """
    queries, columns = values.shape
    if queries < 1 or resamples < 1:
        raise InputError(f"an interval needs at least one query and one resample, not {queries} and {resamples}")
    means = np.empty((resamples, columns))
    random, step = np.random.default_rng(seed), max(1, _MOST_DRAWS // queries)
    for start in range(0, resamples, step):
        part = means[start : start + step]
        part[:] = _counts(random, len(part), queries) @ values / queries
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(means, (tail, 1.0 - tail), axis=0)
    rows = zip(values.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Estimate(*row) for row in rows]


def _counts(random: np.random.Generator, resamples: int, queries: int) -> Floats:
    """How often each resample drew each query, (resamples, queries)."""
    drawn = random.integers(0, queries, size=(resamples, queries))
    drawn += np.arange(resamples)[:, None] * queries
    counted = np.bincount(drawn.ravel(), minlength=resamples * queries)
    return counted.reshape(resamples, queries).astype(np.float64)
