"""Ranking and scoring as a search engineer uses them."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rerank import Candidate, EntailmentReranker, ImageError, InputError


@pytest.fixture(scope="module")
def images(reference_dir: Path) -> list[Path]:
    return sorted((reference_dir / "images").iterdir())


def test_rank_orders_by_entailment_and_agrees_with_score(reference: EntailmentReranker, images: list[Path]) -> None:
    candidates = [Candidate(path.stem, path) for path in images]
    ranked = reference.rank("a cup of coffee", candidates)
    probabilities = [one.verdict.entailment for one in ranked if one.verdict]
    assert probabilities == sorted(probabilities, reverse=True)
    scores = reference.score([(path, "a cup of coffee") for path in images])
    assert {one.id: pytest.approx(one.verdict.entailment, abs=1e-6) for one in ranked if one.verdict} == dict(
        zip([path.stem for path in images], scores[:, 0].tolist(), strict=True)
    )
    assert [one.id for one in reference.rank("a cup of coffee", candidates, top_k=2)] == [one.id for one in ranked][:2]


def test_order_of_candidates_is_irrelevant(reference: EntailmentReranker, images: list[Path]) -> None:
    forward = [Candidate(path.stem, path) for path in images]
    first = reference.rank("two birds", forward)
    second = reference.rank("two birds", forward[::-1])
    assert [one.id for one in first] == [one.id for one in second]


def test_a_caption_is_taken_as_premise(reference: EntailmentReranker, images: list[Path]) -> None:
    (ranked,) = reference.rank("a hot drink", [Candidate("a", images[0], caption="a cup of coffee")])
    scores = reference.score([(images[0], "a hot drink", "a cup of coffee"), (images[0], "a hot drink")])
    assert ranked.verdict is not None
    assert ranked.verdict.entailment == pytest.approx(scores[0, 0], abs=1e-5)
    assert abs(scores[0, 0] - scores[1, 0]) > 1e-4


def test_ties_go_to_the_higher_similarity(reference: EntailmentReranker, images: list[Path]) -> None:
    twins = [Candidate("low", images[0], similarity=0.1), Candidate("high", images[0], similarity=0.9)]
    assert [one.id for one in reference.rank("a cat", twins)] == ["high", "low"]


def test_one_bad_image_fails_alone(reference: EntailmentReranker, images: list[Path], tmp_path: Path) -> None:
    half = tmp_path / "half.png"
    Image.effect_noise((300, 300), 50).save(half)
    half.write_bytes(half.read_bytes()[:40_000])
    with Image.open(half) as opened:
        candidates = [
            Candidate("bad", b"no image"),
            Candidate("gone", tmp_path / "gone.png"),
            Candidate("half", opened),
            Candidate("shape", np.zeros((3, 8, 8))),
            Candidate("ok", images[0]),
        ]
        ranked = reference.rank("a cat", candidates)
    assert ranked[0].id == "ok"
    assert ranked[0].verdict is not None
    errors = {one.id: one.error for one in ranked[1:]}
    assert (errors.pop("half") or "").startswith("is damaged (")
    assert errors == {
        "bad": "is not an image in a format that is read here",
        "gone": f"{tmp_path / 'gone.png'}: does not exist",
        "shape": "an image array must have shape (height, width[, 1, 3 or 4]), not (3, 8, 8)",
    }
    assert ranked.degraded == "4 of 5 candidates could not be read and come last"


def test_score_names_the_bad_pair(reference: EntailmentReranker, images: list[Path]) -> None:
    with pytest.raises(ImageError, match="pair 1: is not an image"):
        reference.score([(images[0], "a cat"), (b"no image", "a cat")])


def test_nothing_in_nothing_out(reference: EntailmentReranker) -> None:
    assert reference.score([]).shape == (0, 3)
    assert reference.rank("a cat", []) == []
    with pytest.raises(InputError, match="top_k"):
        reference.rank("a cat", [], top_k=0)


def test_threads_may_share_one_reranker(reference: EntailmentReranker, images: list[Path]) -> None:
    texts = [f"a picture of thing {number}" for number in range(6)]
    alone = [reference.score([(path, text) for path in images]) for text in texts]
    shared: dict[str, np.ndarray] = {}  # type: ignore[type-arg]

    def work(text: str) -> None:
        shared[text] = reference.score([(path, text) for path in images])

    threads = [threading.Thread(target=work, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for text, expected in zip(texts, alone, strict=True):
        assert np.abs(shared[text] - expected).max() <= 1e-5


def test_cache_keeps_to_its_budget_and_sees_changed_files(reference_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.new("RGB", (32, 32), "red").save(path)
    with EntailmentReranker.from_pretrained(str(reference_dir), precision="fp32", cache_bytes=64 * 64 * 4) as reranker:
        red = reranker.score([(path, "a red square")])
        Image.new("RGB", (48, 48), "blue").save(path)
        blue = reranker.score([(path, "a red square")])
        assert np.abs(red - blue).max() > 1e-5
        many = [(Image.new("RGB", (32, 32), (shade, 0, 0)), "a red square") for shade in range(40)]
        files = []
        for number, (image, text) in enumerate(many):
            image.save(tmp_path / f"{number}.png")
            files.append((tmp_path / f"{number}.png", text))
        reranker.score(files)
        assert reranker._scorer.cache._bytes <= 64 * 64 * 4
