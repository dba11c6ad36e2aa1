"""Our OFA against the probabilities of the reference implementation, and against itself."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rerank import EntailmentReranker
from rerank.types import Pair

TOLERANCE = 1e-4


def pairs_of(golden: list[dict[str, Any]], directory: Path) -> list[Pair]:
    return [(directory / pair["image"], pair["text"], pair.get("text2")) for pair in golden]


def expected(golden: list[dict[str, Any]]) -> np.ndarray[Any, Any]:
    return np.array([[pair["yes"], pair["maybe"], pair["no"]] for pair in golden])


def test_probabilities_equal_the_reference(
    reference: EntailmentReranker,
    golden: list[dict[str, Any]],
    reference_dir: Path,
    record_property: Any,
) -> None:
    scores = reference.score(pairs_of(golden, reference_dir))
    worst = np.abs(scores - expected(golden)).max()
    record_property("max_difference", float(worst))
    print(f"\nparity with the reference: max |difference| = {worst:.2e} over {len(golden)} pairs × 3")
    assert worst <= TOLERANCE


def test_batch_equals_single(reference: EntailmentReranker, golden: list[dict[str, Any]], reference_dir: Path) -> None:
    pairs = pairs_of(golden, reference_dir)
    together = reference.score(pairs)
    alone = np.concatenate([reference.score([pair]) for pair in pairs])
    assert np.abs(together - alone).max() <= 1e-5


def test_texts_of_other_lengths_in_the_batch_change_nothing(reference_dir: Path) -> None:
    # One batch for all lengths, so that the short texts are padded.
    with EntailmentReranker.from_pretrained(str(reference_dir), precision="fp32", batch_size=64) as reranker:
        image = reference_dir / "images" / "coffee.png"
        texts = ["", "a cup", "a cup of coffee on a wooden table beside a spoon", "naïve café ☕ 咖啡"]
        together = reranker.score([(image, text) for text in texts])
        alone = np.concatenate([reranker.score([(image, text)]) for text in texts])
        assert np.abs(together - alone).max() <= 1e-5


def test_an_image_seen_before_scores_the_same(reference_dir: Path) -> None:
    with EntailmentReranker.from_pretrained(str(reference_dir), precision="fp32") as reranker:
        pair = (reference_dir / "images" / "rocket.png", "a rocket on its pad")
        first, second = reranker.score([pair]), reranker.score([pair])
        assert np.abs(first - second).max() <= 1e-6
        other = reranker.score([(pair[0], "two birds on a branch in the morning")])
        assert np.abs(first - other).max() > 1e-3


@pytest.mark.parametrize("table", ['{"yes": 0, "no": 1, "maybe": 2}', '{"maybe": 0, "yes": 1, "no": 2}'])
def test_answers_may_stand_in_any_order(
    table: str, tmp_path: Path, golden: list[dict[str, Any]], reference_dir: Path
) -> None:
    copy = tmp_path / "model"
    shutil.copytree(reference_dir, copy)
    (copy / "answer2label.json").write_text(table)
    with EntailmentReranker.from_pretrained(str(copy), precision="fp32") as reranker:
        scores = reranker.score(pairs_of(golden[:4], reference_dir))
    assert np.abs(scores - expected(golden[:4])).max() <= TOLERANCE


def test_bf16_stays_near_fp32(golden: list[dict[str, Any]], reference_dir: Path) -> None:
    with EntailmentReranker.from_pretrained(str(reference_dir), precision="bf16") as reranker:
        scores = reranker.score(pairs_of(golden, reference_dir))
    assert np.abs(scores - expected(golden)).max() <= 0.05
    assert np.abs(scores.sum(axis=1) - 1).max() <= 1e-3
