"""Confidence intervals by the percentile bootstrap (Efron & Tibshirani, 1993)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 2_000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure and its confidence interval."""

    value: float
    low: float
    high: float


def draws(random: np.random.Generator, resamples: int, count: int) -> Floats:
    """How often each resample drew each of ``count`` things, (resamples, count)."""
    drawn = random.integers(0, count, size=(resamples, count))
    drawn += np.arange(resamples)[:, None] * count
    counted = np.bincount(drawn.ravel(), minlength=resamples * count)
    return counted.reshape(resamples, count).astype(np.float64)


def percentiles(resampled: Floats) -> tuple[Floats, Floats]:
    """The lower and the upper end of the interval of each column of ``resampled`` (resamples, …)."""
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(resampled, (tail, 1.0 - tail), axis=0)
    return low, high
