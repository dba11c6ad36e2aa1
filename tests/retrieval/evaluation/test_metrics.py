"""The figures by hand and against scikit-learn; their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rerank.errors import InputError
from retrieval.evaluation.bootstrap import estimates
from retrieval.evaluation.metrics import METRICS, figures, first_rank, ndcg_at, recall_at, reciprocal_rank

# Grades in the order of a ranking, and ndcg_score(k=1, 5, 10) of scikit-learn 1.9.1.
SCIKIT_LEARN = [
    ("0 0 1", 0.0, 0.5, 0.5),
    ("1 0 0 1 0 0", 1.0, 0.877215315, 0.877215315),
    ("0 0 1 1 0 0 0 0 0 0 0 1", 0.0, 0.43674671, 0.43674671),
    ("3 0 3 2 0 0 1 0 0 2 3 1", 1.0, 0.667844374, 0.719575145),
    ("3 3 3 2 1 2 1 1 1 0 3 0 0 0 3", 1.0, 0.863840498, 0.83586906),
    ("2 3 0 2 1 1 0 2 3 2 0 2 1 3 3 0 2 3 3 2", 0.666666667, 0.581206994, 0.614064219),
    ("0 1 0 0 0 0 0 1 0 0 1 0 0 0 0 0 0 0 1 0 1 0 1 0 1", 0.0, 0.213986265, 0.260141485),
    ("1.34 0.6 1.75 1.32 0.26 1.69 1.89 1.81 1.14 0.29 0.38 1.86 1.1 0.36", 0.708994709, 0.606889125, 0.767391747),
]


@pytest.mark.parametrize(("grades", "at_1", "at_5", "at_10"), SCIKIT_LEARN)
def test_ndcg_is_that_of_scikit_learn(grades: str, at_1: float, at_5: float, at_10: float) -> None:
    relevance = {str(place): float(grade) for place, grade in enumerate(grades.split())}
    found = [ndcg_at(list(relevance), relevance, k) for k in (1, 5, 10)]
    assert found == pytest.approx([at_1, at_5, at_10], abs=1e-8)


def test_by_hand() -> None:
    ranking, relevance = ["a", "b", "c"], {"c": 1.0, "elsewhere": 1.0}
    assert first_rank(ranking, relevance) == 3
    assert [recall_at(ranking, relevance, k) for k in (1, 2, 3, 10)] == [0, 0, 1, 1]
    assert reciprocal_rank(ranking, relevance) == pytest.approx(1 / 3)
    # One of two right images, at place 3: (1 / log2 4) / (1 / log2 2 + 1 / log2 3).
    assert ndcg_at(ranking, relevance, 10) == pytest.approx(0.5 / (1 + 1 / math.log2(3)))
    assert figures(ranking, relevance) == pytest.approx([0, 1, 1, 1 / 3, 0.5 / (1 + 1 / math.log2(3))])


def test_grades_weigh_and_zero_is_not_relevant() -> None:
    relevance = {"best": 3.0, "good": 1.0, "no": 0.0}
    assert first_rank(["no", "good"], relevance) == 2
    assert ndcg_at(["best", "good"], relevance, 10) == 1.0
    assert ndcg_at(["good", "best"], relevance, 10) == pytest.approx((1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3)))


def test_nothing_found_and_nothing_there() -> None:
    assert figures(["a", "b"], {"c": 1.0}) == [0.0] * len(METRICS)
    assert figures([], {"c": 1.0}) == [0.0] * len(METRICS)
    assert figures(["a"], {}) == [0.0] * len(METRICS)


def test_intervals_are_those_of_theory() -> None:
    random = np.random.default_rng(3)
    values = random.normal(5.0, 2.0, size=(400, 1))
    (found,) = estimates(values, resamples=4000, seed=1)
    error = float(values.std() / math.sqrt(400))
    assert found.value == pytest.approx(float(values.mean()))
    assert found.low == pytest.approx(found.value - 1.96 * error, abs=0.2 * error)
    assert found.high == pytest.approx(found.value + 1.96 * error, abs=0.2 * error)


def test_the_interval_of_a_difference_is_paired() -> None:
    random = np.random.default_rng(4)
    before = random.random((200, 1))
    after = before + 0.05  # each query gains the same: of that there is no doubt, however the queries differ
    columns = estimates(np.concatenate([before, after, after - before], axis=1), seed=2)
    assert columns[0].high - columns[0].low > 0.05
    assert (columns[2].low, columns[2].high) == (pytest.approx(0.05), pytest.approx(0.05))


def test_a_seed_fixes_the_intervals_however_many_resamples_fit_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(5).random((50, 3))
    found = estimates(values, seed=7)
    assert found == estimates(values, seed=7)
    assert found != estimates(values, seed=8)
    monkeypatch.setattr("retrieval.evaluation.bootstrap._MOST_DRAWS", 50)
    assert [one.low for one in estimates(values, seed=7)] == pytest.approx([one.low for one in found], abs=0.02)


def test_one_query_has_no_spread_and_none_no_interval() -> None:
    (found,) = estimates(np.array([[0.5]]))
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
    with pytest.raises(InputError, match="at least one query"):
        estimates(np.zeros((0, 2)))
