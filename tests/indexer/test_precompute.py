"""Image tokens at index time: only for what has none, never of another picture, and nothing stops it."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from indexer import TokenPlan, build_collection
from rerank.errors import ModelUnavailable
from retrieval.collection import Collection
from retrieval.errors import CollectionError
from tests.fakes import ColourEncoder, ColourTokens
from tests.pictures import paint, shade


def kept(target: Path) -> int:
    """How many images have tokens."""
    with Collection.open(target) as collection:
        return sum(one.images for one in collection.token_sets())


def test_what_it_takes_is_said_first_and_what_was_done_afterwards(folder: Path, target: Path) -> None:
    tokens = ColourTokens()
    said: list[object] = []
    report = build_collection(
        [folder],
        target,
        encoder=ColourEncoder(),
        precompute_rerank=tokens,
        announce=lambda plan: said.append((plan, tokens.encoded)),
        progress=lambda done, total: said.append((done, total)),
    )
    plan = TokenPlan(images=8, bytes_per_image=24)
    assert plan.bytes == 192
    told = said.index((plan, 0))
    assert said[told + 1] == (0, 8)
    assert said[-1] == (8, 8)
    assert (report.precomputed, report.precompute_bytes_per_image) == (8, 24)
    assert report.to_dict()["precompute_bytes_per_image"] == 24


@pytest.mark.parametrize(
    ("images", "each", "words"),
    [
        (500, 25_088, "image tokens: 25 KB an image, 500 images, 12.5 MB"),
        (100_000, 1_843_200, "image tokens: 1.8 MB an image, 100,000 images, 184.3 GB"),
        (0, 25_088, "image tokens: 25 KB an image, none to be made"),
    ],
)
def test_the_plan_in_words(images: int, each: int, words: str) -> None:
    assert str(TokenPlan(images, each)) == words


def test_without_being_asked_it_makes_none(folder: Path, target: Path) -> None:
    report = build_collection([folder], target, encoder=ColourEncoder())
    assert (report.precomputed, report.precompute_bytes_per_image) == (0, None)
    assert not (target / "tokens").exists()


def test_a_second_run_embeds_nothing_and_encodes_what_is_missing(folder: Path, target: Path) -> None:
    build_collection([folder], target, encoder=ColourEncoder())
    encoder, tokens = ColourEncoder(), ColourTokens()
    report = build_collection([folder], target, encoder=encoder, precompute_rerank=tokens)
    assert (report.unchanged, report.precomputed, encoder.embedded, tokens.encoded) == (8, 8, 0, 8)
    paint(folder / "navy.png", (0, 0, 128))
    shutil.copy(folder / "red.png", folder / "rouge.png")
    (folder / "blue.png").rename(folder / "bleu.png")
    report = build_collection([folder], target, encoder=encoder, precompute_rerank=tokens)
    assert (report.precomputed, encoder.embedded, tokens.encoded) == (1, 1, 9)
    report = build_collection([folder], target, encoder=encoder, precompute_rerank=tokens)
    assert (report.precomputed, encoder.embedded, tokens.encoded) == (0, 1, 9)
    assert kept(target) == 9


def test_interrupted_it_keeps_what_it_has(folder: Path, target: Path) -> None:
    for number in range(20):
        paint(folder / f"{number}.png", shade(number))
    seen: list[Image.Image] = []

    def interrupt(image: Image.Image) -> None:
        seen.append(image)
        if len(seen) >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_collection([folder], target, encoder=ColourEncoder(), precompute_rerank=ColourTokens(fail=interrupt))
    before = kept(target)
    assert 8 <= before <= 9  # two were on their way
    tokens = ColourTokens()
    assert build_collection([folder], target, encoder=ColourEncoder(), precompute_rerank=tokens).failed == ()
    assert tokens.encoded == 28 - before
    assert kept(target) == 28


def test_a_picture_that_changed_or_went_meanwhile_gets_no_tokens(folder: Path, target: Path) -> None:
    shutil.copy(folder / "green.png", folder / "vert.png")

    def meddle(plan: TokenPlan) -> None:
        (folder / "red.png").unlink()
        shutil.copy(folder / "white.png", folder / "blue.png")
        (folder / "grey.png").write_bytes(b"no picture any more")
        (folder / "green.png").unlink()  # its copy is still there

    tokens = ColourTokens()
    report = build_collection(
        [folder], target, encoder=ColourEncoder(), precompute_rerank=tokens, announce=meddle, batch_size=3
    )
    assert (report.precomputed, tokens.encoded) == (5, 5)
    reasons = {Path(failure.path).name: failure.reason for failure in report.failed}
    assert reasons == {
        "red.png": "no image tokens: its file is gone or not readable",
        "blue.png": "no image tokens: has changed since it was indexed; the next run takes it",
        "grey.png": "no image tokens: has changed since it was indexed; the next run takes it",
    }
    report = build_collection([folder], target, encoder=ColourEncoder(), precompute_rerank=tokens)
    assert [Path(failure.path).name for failure in report.failed] == ["grey.png"]
    assert kept(target) == 5


def test_a_picture_that_cannot_be_encoded_costs_only_itself(folder: Path, target: Path) -> None:
    def choke(image: Image.Image) -> None:
        if image.getpixel((0, 0)) == (255, 0, 0):
            raise RuntimeError("no kernel for red")

    tokens = ColourTokens(fail=choke)
    tokens.batch_size = 3
    report = build_collection([folder], target, encoder=ColourEncoder(), precompute_rerank=tokens)
    assert report.precomputed == 7
    assert [(Path(one.path).name, one.reason) for one in report.failed] == [
        ("red.png", "no image tokens: cannot be encoded (no kernel for red)")
    ]


def test_a_model_that_fails_on_every_picture_ends_the_run(folder: Path, target: Path) -> None:
    def choke(image: Image.Image) -> None:
        raise RuntimeError("no kernel for this device")

    tokens = ColourTokens(fail=choke)
    tokens.batch_size = 4
    with pytest.raises(RuntimeError, match="no kernel"):
        build_collection([folder], target, encoder=ColourEncoder(), precompute_rerank=tokens)


def test_a_disk_that_is_too_small_is_said_before_anything_is_encoded(
    folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.precompute.shutil.disk_usage", lambda path: SimpleNamespace(free=191))
    tokens = ColourTokens()
    with pytest.raises(CollectionError, match=r"8 images, 192 B, but the disk has only 191 B left.*make room"):
        build_collection([folder], target, encoder=ColourEncoder(), precompute_rerank=tokens)
    assert tokens.encoded == 0
    with Collection.open(target) as collection:
        assert collection.info().images == 8


def test_a_reranker_that_is_not_here_is_said_before_anything_is_indexed(
    folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> Path:
        raise ModelUnavailable(f"{name}: cannot be fetched; name a directory")

    monkeypatch.setattr("rerank.weights._download", refuse)
    encoder = ColourEncoder()
    with pytest.raises(ModelUnavailable, match="large_en"):
        build_collection([folder], target, encoder=encoder, precompute_rerank="best")
    assert encoder.embedded == 0
    assert not target.exists()
