"""A collection changes its encoder."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer import build_collection
from indexer.reembed import reembed_collection
from retrieval.collection import Collection
from retrieval.errors import CollectionNotFound, EncoderMismatch
from retrieval.verification import verify_collection
from tests.fakes import ColourEncoder
from tests.pictures import paint, paint_all


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    paint_all(tmp_path / "photos")
    return tmp_path / "photos"


@pytest.fixture
def target(folder: Path) -> Path:
    path = folder.parent / "photos.collection"
    build_collection([folder], path, encoder=ColourEncoder())
    return path


def new_encoder() -> ColourEncoder:
    return ColourEncoder(fingerprint="colours-2", name="other colours")


class Failing(ColourEncoder):
    """Fails at its third batch."""

    def __init__(self) -> None:
        super().__init__(fingerprint="colours-2", name="other colours")

    def encode_images(self, images):  # type: ignore[no-untyped-def]
        if self.embedded >= 4:
            raise KeyboardInterrupt
        return super().encode_images(images)


def encoder_of(target: Path) -> str:
    with Collection.open(target) as collection:
        return collection.encoder.name


def test_stopped_and_gone_on_with(folder: Path, target: Path) -> None:
    with pytest.raises(EncoderMismatch, match="veralens reembed"):
        build_collection([folder], target, encoder=new_encoder())
    with pytest.raises(KeyboardInterrupt):
        reembed_collection(target, encoder=Failing(), batch_size=2)
    assert encoder_of(target) == "colours"
    assert verify_collection(target).problems == ()
    # Meanwhile the folder changes, and the old encoder takes that in.
    (folder / "red.png").unlink()
    paint(folder / "navy.png", (0, 0, 128))
    build_collection([folder], target, encoder=ColourEncoder())
    encoder, ticks = new_encoder(), []
    report = reembed_collection(
        target, encoder=encoder, batch_size=2, progress=lambda done, total: ticks.append((done, total))
    )
    assert report.switched
    assert (report.failed, report.dropped) == ((), 0)
    assert 4 <= report.embedded == encoder.embedded <= 5
    assert ticks[-1][0] == ticks[-1][1]
    assert encoder_of(target) == "other colours"
    assert verify_collection(target).problems == ()
    assert build_collection([folder], target, encoder=new_encoder()).unchanged == 8
    assert reembed_collection(target, encoder=new_encoder()).embedded == 0


def test_a_picture_that_is_gone_keeps_the_old_encoder(folder: Path, target: Path) -> None:
    (folder / "red.png").unlink()
    paint(folder / "blue.png", (1, 2, 3))
    report = reembed_collection(target, encoder=new_encoder())
    assert not report.switched
    reasons = {Path(failure.path).name: failure.reason for failure in report.failed}
    assert "gone" in reasons["red.png"]
    assert "changed" in reasons["blue.png"]
    assert encoder_of(target) == "colours"
    report = reembed_collection(target, encoder=new_encoder(), drop_unreadable=True)
    assert (report.switched, report.dropped) == (True, 2)
    with Collection.open(target) as collection:
        assert collection.info().images == 6
    assert verify_collection(target).problems == ()
    assert build_collection([folder], target, encoder=new_encoder()).added == 1


def test_no_collection(tmp_path: Path) -> None:
    with pytest.raises(CollectionNotFound):
        reembed_collection(tmp_path / "nowhere", encoder=new_encoder())
    with pytest.raises(CollectionNotFound):
        reembed_collection(tmp_path, encoder=new_encoder())
