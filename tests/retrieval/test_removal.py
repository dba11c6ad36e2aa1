"""Removed pictures stay away until they are let in again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from indexer import build_collection
from rerank.errors import InputError
from retrieval.collection import Collection
from retrieval.removal import ignored_images, remove_images, restore_images
from retrieval.verification import verify_collection
from retrieval.writer import CollectionWriter
from tests.fakes import ColourEncoder
from tests.pictures import paint_all

ENCODER = ColourEncoder()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    paint_all(tmp_path / "photos")
    return tmp_path / "photos"


@pytest.fixture
def target(folder: Path) -> Path:
    path = folder.parent / "photos.collection"
    build_collection([folder], path, encoder=ENCODER)
    return path


def found(target: Path) -> set[str]:
    with Collection.open(target) as collection:
        hits = collection.search(ENCODER.encode_texts(["red"])[0], 100)
        return {Path(collection.image(hit.id).paths[0]).stem for hit in hits}


def test_gone_at_once_and_for_good(folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    everything = found(target)
    with Collection.open(target) as reader, CollectionWriter.open(target) as writer:
        blue = reader.search(ENCODER.encode_texts(["blue"])[0], 1)[0].id
        removed = remove_images(writer, ["red.png", blue])
        assert {Path(one.paths[0]).name for one in removed} == {"red.png", "blue.png"}
        ids = {one.id for one in removed}
        assert not ids & {hit.id for hit in reader.search(ENCODER.encode_texts(["red"])[0], 100)}
        assert {one.path for one in ignored_images(writer.catalog)} == {
            str(folder / "red.png"),
            str(folder / "blue.png"),
        }
    # Neither a run, nor a copy, nor a new name bring them back.
    shutil.copy(folder / "red.png", folder / "again.png")
    (folder / "blue.png").rename(folder / "azure.png")
    report = build_collection([folder], target, encoder=ENCODER)
    assert (report.added, report.ignored, report.failed) == (0, 3, ())
    assert found(target) == everything - {"red", "blue"}
    assert verify_collection(target).problems == ()
    with CollectionWriter.open(target) as writer:
        assert [one.path for one in restore_images(writer, ["red.png"])] == [str(folder / "red.png")]
    report = build_collection([folder], target, encoder=ENCODER)
    assert (report.added, report.ignored) == (2, 1)
    assert found(target) - everything <= {"again"}


def test_names_that_are_not_there_change_nothing(folder: Path, target: Path) -> None:
    with CollectionWriter.open(target) as writer:
        with pytest.raises(InputError, match=r"nowhere\.png.*nothing was removed"):
            remove_images(writer, [folder / "red.png", folder / "nowhere.png"])
        with pytest.raises(InputError, match="was not removed"):
            restore_images(writer, [folder / "red.png"])
    assert len(found(target)) == 8


def test_a_file_that_becomes_a_removed_picture_is_forgotten(folder: Path, target: Path) -> None:
    with CollectionWriter.open(target) as writer:
        remove_images(writer, [folder / "red.png"])
    shutil.copy(folder / "red.png", folder / "green.png")
    report = build_collection([folder], target, encoder=ENCODER)
    assert (report.removed, report.ignored) == (1, 2)
    assert "green" not in found(target)
