"""How good verdicts are: accuracy, precision, recall, F1, calibration; intervals by bootstrap; McNemar's test."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rerank.bootstrap import RESAMPLES, Estimate, Floats, draws, percentiles
from rerank.types import LABELS

CLASSES = len(LABELS)
BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """Verdicts of about one confidence: how many, how sure on average, how many of them right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Significance:
    """McNemar's exact test of two models on the same rows."""

    only_before: int
    only_after: int
    p_value: float


def confusion(truth: NDArray[np.int64], predicted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of each label (first axis) that were called each label (second axis)."""
    table = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    np.add.at(table, (truth, predicted), 1)
    return table


def figures(tables: Floats) -> dict[str, Floats]:
    """Figures of confusion tables (…, 3, 3), by name: accuracy, macro and per class; 0 where nothing is to divide."""
    right = np.diagonal(tables, axis1=-2, axis2=-1)
    precision = _ratio(right, tables.sum(axis=-2))
    recall = _ratio(right, tables.sum(axis=-1))
    f1 = _ratio(2 * precision * recall, precision + recall)
    # As scikit-learn has it, a class counts towards the mean if it occurs among labels or verdicts.
    there = (tables.sum(axis=-1) + tables.sum(axis=-2)) > 0
    found = {
        "accuracy": _ratio(right.sum(axis=-1), tables.sum(axis=(-2, -1))),
        "f1": _ratio(np.where(there, f1, 0.0).sum(axis=-1), there.sum(axis=-1)),
    }
    for place, label in enumerate(LABELS):
        found |= {
            f"{label}:precision": precision[..., place],
            f"{label}:recall": recall[..., place],
            f"{label}:f1": f1[..., place],
        }
    return found


def estimates(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], groups: Sequence[Hashable], seed: int = 0
) -> dict[str, Estimate]:
    """``figures`` with percentile intervals; pictures (``groups``) are resampled, since their rows belong together."""
    per_group = grouped_tables(truth, predicted, groups)
    values = figures(per_group.sum(axis=0).astype(np.float64))
    resampled = figures(np.tensordot(resamples(len(per_group), seed), per_group, axes=1))
    return {name: interval(float(value), resampled[name]) for name, value in values.items()}


def grouped_tables(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], groups: Sequence[Hashable]
) -> NDArray[np.int64]:
    """One confusion table a group: (groups, 3, 3)."""
    places = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    tables = np.zeros((len(places), CLASSES, CLASSES), dtype=np.int64)
    np.add.at(tables, (np.array([places[group] for group in groups]), truth, predicted), 1)
    return tables


def resamples(count: int, seed: int) -> Floats:
    """How often each of ``count`` groups is drawn in each resample: (resamples, count)."""
    return draws(np.random.default_rng(seed), RESAMPLES, count)


def interval(value: float, resampled: Floats) -> Estimate:
    """The percentile interval around ``value``."""
    low, high = percentiles(resampled)
    return Estimate(value, min(float(low), value), max(float(high), value))


def reliability(probabilities: NDArray[np.float32], truth: NDArray[np.int64], bins: int = BINS) -> list[ReliabilityBin]:
    """Verdicts by their confidence, in ``bins`` of equal width over 0..1; empty ones are left out."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == truth
    # The right edge belongs to a bin, as in Guo et al., 2017.
    places = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return [
        ReliabilityBin(
            place / bins,
            (place + 1) / bins,
            int(inside.sum()),
            float(confidence[inside].mean()),
            float(right[inside].mean()),
        )
        for place in range(bins)
        if (inside := places == place).any()
    ]


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error: the mean distance of confidence from accuracy, weighted by rows."""
    total = sum(one.count for one in bins)
    return sum(one.count * abs(one.confidence - one.accuracy) for one in bins) / total if total else 0.0


def mcnemar(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> Significance:
    """Whether two models differ: the exact two-sided test on the rows that only one of them gets right."""
    only_before, only_after = int((before & ~after).sum()), int((after & ~before).sum())
    n, least = only_before + only_after, min(only_before, only_after)
    if n == 0:
        return Significance(0, 0, 1.0)
    logs = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2) for k in range(least + 1)
    ]
    return Significance(only_before, only_after, min(1.0, 2 * math.fsum(map(math.exp, logs))))


def _ratio(above: NDArray[np.generic], below: NDArray[np.generic]) -> Floats:
    top, bottom = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.divide(top, bottom, out=np.zeros(np.broadcast(top, bottom).shape), where=bottom != 0)
