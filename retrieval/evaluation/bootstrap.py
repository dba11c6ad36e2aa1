"""Confidence intervals of means over queries."""

from __future__ import annotations

import numpy as np

from rerank.bootstrap import RESAMPLES, Estimate, Floats, draws, percentiles
from rerank.errors import InputError

# Draws held in memory at once: 32 MB of them.
_MOST_DRAWS = 4_000_000


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
        part[:] = draws(random, len(part), queries) @ values / queries
    low, high = percentiles(means)
    rows = zip(values.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Estimate(*row) for row in rows]
