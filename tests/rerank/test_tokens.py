"""Images are encoded once: within a call, across calls, and when the caller keeps their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rerank import Candidate, EntailmentReranker, ImageError, ImageTokens


@pytest.fixture
def encoded(reference: EntailmentReranker, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each forward pass of the image side encodes."""
    counts: list[int] = []
    plain = reference._model.image_tokens

    def counting(pixels: Sequence[object]) -> object:
        counts.append(len(pixels))
        return plain(pixels)  # type: ignore[arg-type]

    monkeypatch.setattr(reference._model, "image_tokens", counting)
    reference._scorer.cache.clear()
    return counts


@pytest.fixture
def files(reference_dir: Path) -> list[Path]:
    return sorted((reference_dir / "images").iterdir())


def test_one_picture_and_many_texts_is_one_encoding(
    reference: EntailmentReranker, files: list[Path], encoded: list[int]
) -> None:
    picture = Image.open(files[0])
    texts = [f"a picture of {number} things" for number in range(40)]
    together = reference.score([(picture, text) for text in texts])
    assert encoded == [1]
    apart = np.concatenate([reference.score([(picture, text)]) for text in texts])
    assert np.abs(together - apart).max() <= 1e-5


def test_a_file_seen_before_is_not_encoded_again(
    reference: EntailmentReranker, files: list[Path], encoded: list[int]
) -> None:
    reference.rank("a cat", [Candidate(path.name, path) for path in files])
    first = sum(encoded)
    reference.rank("two dogs", [Candidate(path.name, path) for path in files])
    assert sum(encoded) == first == len(files)


def test_kept_tokens_stand_in_for_the_image(
    reference: EntailmentReranker, files: list[Path], encoded: list[int]
) -> None:
    tokens = reference.encode_images([*files, b"no image"])
    assert isinstance(tokens.pop(), ImageError)
    encoded.clear()
    gone = [
        Candidate(path.name, Path("/nowhere") / path.name, tokens=one)
        for path, one in zip(files, tokens, strict=True)
        if isinstance(one, ImageTokens)
    ]
    kept = reference.rank("a cat", gone)
    assert encoded == []
    plain = reference.rank("a cat", [Candidate(path.name, path) for path in files])
    of = {one.id: one.verdict.entailment for one in plain if one.verdict}
    assert len(kept) == len(files)
    # float16: as fine as bf16's error is coarse
    assert all(one.verdict and abs(one.verdict.entailment - of[one.id]) < 2e-3 for one in kept)
    first = tokens[0]
    assert isinstance(first, ImageTokens)
    assert first.values.shape == reference.token_shape
    assert first.values.dtype == np.float16


def test_another_models_tokens_are_passed_over(reference: EntailmentReranker, files: list[Path]) -> None:
    (own,) = reference.encode_images(files[:1])
    assert isinstance(own, ImageTokens)
    foreign = replace(own, values=np.zeros_like(own.values), fingerprint="another")
    (ranked,) = reference.rank("a cat", [Candidate("a", files[0], tokens=foreign)])
    assert ranked.verdict is not None
    assert ranked.verdict.entailment == pytest.approx(reference.predict([(files[0], "a cat")])[0], abs=1e-5)


def test_fingerprint_tells_models_apart(reference: EntailmentReranker) -> None:
    with EntailmentReranker.from_pretrained("bundled") as one, EntailmentReranker.from_pretrained("bundled") as two:
        assert one.image_fingerprint == two.image_fingerprint != reference.image_fingerprint


def test_predict_is_the_probability_of_entailment(reference: EntailmentReranker, files: list[Path]) -> None:
    pairs = [(path, "a cat") for path in files]
    assert reference.predict(pairs) == pytest.approx(reference.score(pairs)[:, 0], abs=1e-6)


def test_bare_images_of_every_kind_are_candidates(reference: EntailmentReranker, files: list[Path]) -> None:
    picture = Image.open(files[0]).convert("RGB")
    kinds = [picture, np.asarray(picture), files[0].read_bytes(), files[0], str(files[0])]
    ranking = reference.rank("a cat", kinds)
    assert sorted(one.id for one in ranking) == ["0", "1", "2", "3", "4"]
    assert {round(one.verdict.entailment, 5) for one in ranking if one.verdict} == {
        round(float(reference.predict([(files[0], "a cat")])[0]), 5)
    }


def test_token_shape_is_what_comes_out(reference: EntailmentReranker, bundled: EntailmentReranker) -> None:
    for reranker in (reference, bundled):
        (tokens,) = reranker.encode_images([Image.new("RGB", (30, 50), "red")])
        assert isinstance(tokens, ImageTokens)
        assert tokens.values.shape == reranker.token_shape
