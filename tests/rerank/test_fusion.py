"""Fusion with stage one, as a caller of ``rank`` sees it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from rerank import Candidate, EntailmentReranker, InputError

SCALE = 20.0


@pytest.fixture
def candidates(reference_dir: Path) -> list[Candidate]:
    files = sorted((reference_dir / "images").iterdir())
    return [Candidate(path.stem, path, similarity=0.2 + 0.03 * n) for n, path in enumerate(files)]


def test_weight_one_is_the_entailment_and_zero_the_similarity(
    reference: EntailmentReranker, candidates: list[Candidate]
) -> None:
    plain = reference.rank("a cat", candidates)
    assert [one.score for one in plain] == [one.verdict and one.verdict.entailment for one in plain]
    similar = reference.rank("a cat", candidates, fusion_weight=0.0, similarity_scale=SCALE)
    assert [one.id for one in similar] == [one.id for one in candidates[::-1]]
    assert similar[0].score == 1.0
    assert all(one.verdict is not None for one in similar)


def test_between_them_it_is_the_weighted_geometric_mean(
    reference: EntailmentReranker, candidates: list[Candidate]
) -> None:
    best = max(one.similarity or 0.0 for one in candidates)
    for one in reference.rank("a cat", candidates, fusion_weight=0.3, similarity_scale=SCALE):
        assert one.verdict is not None
        assert one.similarity is not None
        likelihood = math.exp(SCALE * (one.similarity - best))
        assert one.score == pytest.approx(one.verdict.entailment**0.3 * likelihood**0.7, rel=1e-5)


def test_without_similarities_the_entailment_stands(reference: EntailmentReranker, candidates: list[Candidate]) -> None:
    bare = [replace(one, similarity=None) for one in candidates]
    assert reference.rank("a cat", bare, fusion_weight=0.3) == reference.rank("a cat", bare)


def test_a_similarity_that_is_missing_counts_as_the_least(
    reference: EntailmentReranker, candidates: list[Candidate]
) -> None:
    twins = [replace(candidates[0], id=name, similarity=value) for name, value in (("a", 0.3), ("b", 0.2), ("c", None))]
    first, second, third = reference.rank("a cat", twins, fusion_weight=0.3)
    assert first.id == "a"
    assert second.score == pytest.approx(third.score)


@pytest.mark.parametrize(
    ("options", "field"),
    [({"fusion_weight": 1.1}, "fusion_weight"), ({"fusion_weight": float("nan")}, "fusion_weight")]
    + [({"similarity_scale": value}, "similarity_scale") for value in (0.0, -1.0, float("nan"))],
)
def test_what_is_out_of_range_is_named(reference: EntailmentReranker, options: dict[str, float], field: str) -> None:
    with pytest.raises(InputError, match=field):
        reference.rank("a cat", [], **options)
