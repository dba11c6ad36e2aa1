"""Our figures against scikit-learn's and scipy's on the same predictions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from rerank.finetune import metrics
from rerank.types import LABELS


@pytest.mark.parametrize(("rows", "classes"), [(1, 3), (40, 3), (500, 3), (60, 2)])
def test_figures_are_scikit_learns(rows: int, classes: int) -> None:
    chance = np.random.default_rng(rows)
    truth, predicted = chance.integers(0, classes, rows), chance.integers(0, classes, rows)
    found = metrics.estimates(truth, predicted, list(range(rows)))
    assert (metrics.confusion(truth, predicted) == confusion_matrix(truth, predicted, labels=[0, 1, 2])).all()
    assert found["accuracy"].value == pytest.approx(accuracy_score(truth, predicted))
    scores = precision_recall_fscore_support(truth, predicted, labels=[0, 1, 2], zero_division=0)
    for place, label in enumerate(LABELS):
        for name, values in zip(("precision", "recall", "f1"), scores, strict=False):
            assert found[f"{label}:{name}"].value == pytest.approx(values[place])
    macro = precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0)[2]
    assert found["f1"].value == pytest.approx(macro)
    assert all(one.low <= one.value <= one.high for one in found.values())


def test_calibration_is_scikit_learns() -> None:
    chance = np.random.default_rng(3)
    probabilities = chance.dirichlet((1.0, 0.6, 0.4), 400).astype(np.float32)
    truth = chance.integers(0, 3, 400)
    bins = metrics.reliability(probabilities, truth)
    right = probabilities.argmax(axis=1) == truth
    accuracy, confidence = calibration_curve(right, probabilities.max(axis=1), n_bins=metrics.BINS)
    assert [one.accuracy for one in bins] == pytest.approx(accuracy.tolist())
    assert [one.confidence for one in bins] == pytest.approx(confidence.tolist(), abs=1e-6)
    weights = np.array([one.count for one in bins]) / 400
    assert metrics.calibration_error(bins) == pytest.approx((weights * abs(accuracy - confidence)).sum(), abs=1e-6)


@pytest.mark.parametrize(("only_before", "only_after"), [(0, 0), (3, 9), (10, 2), (5, 5), (180, 320)])
def test_mcnemar_is_the_binomial_test(only_before: int, only_after: int) -> None:
    before = np.array([True] * only_before + [False] * only_after + [True, False])
    after = np.array([False] * only_before + [True] * only_after + [True, False])
    found = metrics.mcnemar(before, after)
    assert (found.only_before, found.only_after) == (only_before, only_after)
    n = only_before + only_after
    assert found.p_value == pytest.approx(binomtest(only_after, n).pvalue if n else 1.0)


def test_intervals_cover_what_they_should() -> None:
    """Of 200 samples of true accuracy .7, about 95 % have it in their interval; rows of one picture count as one."""
    chance = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        right = np.repeat(chance.random(60) < 0.7, 3)
        truth = np.zeros(180, dtype=np.int64)
        found = metrics.estimates(truth, np.where(right, 0, 1), np.repeat(np.arange(60), 3).tolist())["accuracy"]
        covered += found.low <= 0.7 <= found.high
    assert 0.9 <= covered / 200 <= 0.99
