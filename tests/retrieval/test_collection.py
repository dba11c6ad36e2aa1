"""A collection as its readers see it: changes, damage, threads."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

from indexer import build_collection
from rerank.errors import InputError
from retrieval.collection import Collection
from retrieval.errors import CollectionDamaged, CollectionError, CollectionNotFound, ImageNotFound
from retrieval.manifest import read_manifest
from tests.fakes import COLOURS, ColourEncoder
from tests.pictures import paint, paint_all

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


def ranking(collection: Collection) -> list[tuple[str, float]]:
    """Every image and similarity, for two queries."""
    vectors = ENCODER.encode_texts(["red yellow", "blue"])
    return [(hit.id, hit.similarity) for vector in vectors for hit in collection.search(vector, 100)]


def ranking_of(target: Path) -> list[tuple[str, float]]:
    with Collection.open(target) as collection:
        return ranking(collection)


def index_file(target: Path) -> Path:
    """The index that the manifest names first."""
    manifest = read_manifest(target)
    assert manifest is not None
    return target / manifest.indexes[0].file


def flip(path: Path, position: int) -> None:
    """Turn one bit of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= 0x10
    path.write_bytes(data)


def test_a_reader_sees_new_commits_after_refresh(folder: Path, target: Path) -> None:
    with Collection.open(target) as collection:
        before = ranking(collection)
        assert not collection.refresh()
        paint(folder / "navy.png", (0, 0, 128))
        (folder / "red.png").unlink()
        build_collection([folder], target, encoder=ENCODER)
        # The old state still answers, less what is gone.
        red = next(hit for hit, _ in before if hit not in dict(ranking(collection)))
        assert collection.info().images == 8
        assert collection.refresh()
        assert not collection.refresh()
        assert collection.info().images == 8
        assert red not in dict(ranking(collection))
        assert ranking(collection) == ranking_of(target)


def test_commits_that_no_index_holds_yet_are_found(folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint(folder / "navy.png", (0, 0, 128))
    (folder / "red.png").unlink()
    with monkeypatch.context() as patch, Collection.open(target) as collection:
        patch.setattr("retrieval.writer.CollectionWriter.publish", lambda self, texts=None: None)
        build_collection([folder], target, encoder=ENCODER)
        assert collection.refresh()
        live = ranking(collection)
        assert "1 newer images beside it" in collection.info().index
        paint(folder / "teal.png", (0, 128, 128))
        build_collection([folder], target, encoder=ENCODER)
        (folder / "navy.png").unlink()
        build_collection([folder], target, encoder=ENCODER)
        assert collection.refresh()
        assert collection.info().images == 8
        last = ranking(collection)
    assert len(live) == len(last) == 2 * 8
    build_collection([folder], target, encoder=ENCODER)
    published = ranking_of(target)
    assert [hit for hit, _ in last] == [hit for hit, _ in published]
    assert [score for _, score in last] == pytest.approx([score for _, score in published], abs=1e-6)


@pytest.mark.parametrize("damage", ["deleted", "bit flip", "cut short", "no manifest", "manifest scrambled"])
def test_lost_or_damaged_index_is_rebuilt_with_the_same_results(folder: Path, target: Path, damage: str) -> None:
    before = ranking_of(target)
    path = index_file(target)
    if damage == "deleted":
        path.unlink()
    elif damage == "bit flip":
        flip(path, path.stat().st_size // 2)
    elif damage == "cut short":
        os.truncate(path, path.stat().st_size - 7)
    elif damage == "no manifest":
        (target / "manifest.json").unlink()
    else:
        flip(target / "manifest.json", 40)
    with Collection.open(target) as collection:
        assert "built in memory" in collection.info().index
        assert ranking(collection) == before
    build_collection([folder], target, encoder=ENCODER)
    with Collection.open(target) as collection:
        assert "memory" not in collection.info().index
        assert ranking(collection) == before
    assert len(list((target / "index").iterdir())) <= 2


def test_every_flipped_bit_of_an_index_is_noticed(target: Path) -> None:
    before = ranking_of(target)
    path = index_file(target)
    whole = path.read_bytes()
    for position in range(0, len(whole), 23):
        flip(path, position)
        with Collection.open(target) as collection:
            assert "built in memory" in collection.info().index
            assert ranking(collection) == before
        path.write_bytes(whole)


def test_damaged_index_falls_back_on_the_one_before(folder: Path, target: Path) -> None:
    paint(folder / "navy.png", (0, 0, 128))
    build_collection([folder], target, encoder=ENCODER)
    before = ranking_of(target)
    index_file(target).unlink()
    with Collection.open(target) as collection:
        assert "1 newer images beside it" in collection.info().index
        assert [hit for hit, _ in ranking(collection)] == [hit for hit, _ in before]


def test_damaged_embeddings_are_named_and_made_anew(folder: Path, target: Path) -> None:
    before = ranking_of(target)
    segment = target / "segments" / "00000001.fp16"
    flip(segment, 30)
    index_file(target).unlink()
    with pytest.raises(CollectionDamaged, match=r"00000001\.fp16.*row 1.*index the folder again"):
        Collection.open(target)
    encoder = ColourEncoder()
    report = build_collection([folder], target, encoder=encoder)
    assert (report.updated, report.unchanged, encoder.embedded) == (1, 7, 1)
    assert dict(ranking_of(target)) == pytest.approx(dict(before))
    segment.unlink()
    assert build_collection([folder], target, encoder=encoder).updated == 8
    assert dict(ranking_of(target)) == pytest.approx(dict(before))


def test_damaged_catalogue_is_named(target: Path) -> None:
    (target / "catalog.sqlite").write_bytes(b"scrambled" * 1000)
    with pytest.raises(CollectionDamaged, match=r"catalog\.sqlite.*into a new one"):
        Collection.open(target)
    (target / "catalog.sqlite").write_bytes(b"")
    with pytest.raises(CollectionDamaged, match=r"catalog\.sqlite"):
        Collection.open(target)


def test_catalogue_put_back_from_a_copy_does_not_meet_an_index_of_another_future(folder: Path, target: Path) -> None:
    shutil.copy(target / "catalog.sqlite", folder.parent / "copy.sqlite")
    paint(folder / "navy.png", (0, 0, 128))
    build_collection([folder], target, encoder=ENCODER)
    shutil.copy(folder.parent / "copy.sqlite", target / "catalog.sqlite")
    (folder / "navy.png").unlink()
    for number in range(4):
        paint(folder / f"new{number}.png", (number, 9, 9))
    before = len(COLOURS)
    with Collection.open(target) as collection:
        assert len(ranking(collection)) == 2 * before
    build_collection([folder], target, encoder=ENCODER)
    published = ranking_of(target)
    for path in (target / "index").iterdir():
        path.unlink()
    assert published == ranking_of(target)
    assert len(published) == 2 * (before + 4)


def test_a_newer_format_is_refused(target: Path) -> None:
    with sqlite3.connect(target / "catalog.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(CollectionError, match="update Veralens"):
        Collection.open(target)


def test_read_only_place(target: Path) -> None:
    before = ranking_of(target)
    target.chmod(0o555)
    try:
        assert ranking_of(target) == before
    finally:
        target.chmod(0o755)


def test_searching_while_it_is_refreshed_and_indexed(folder: Path, target: Path) -> None:
    problems: list[BaseException] = []
    stop = threading.Event()
    with Collection.open(target) as collection:
        steady = {hit for hit, _ in ranking(collection)}

        def search() -> None:
            try:
                while not stop.is_set():
                    found = [hit for hit, _ in ranking(collection)]
                    assert steady <= set(found)
                    for image_id in found:
                        collection.image(image_id)
            except BaseException as error:
                problems.append(error)

        threads = [threading.Thread(target=search) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(6):
            paint(folder / f"more{number}.png", (number, 5, 77))
            build_collection([folder], target, encoder=ENCODER)
            collection.refresh()
        stop.set()
        for thread in threads:
            thread.join()
        assert problems == []
        assert collection.info().images == 14


def test_vector_and_wrong_questions(target: Path) -> None:
    with Collection.open(target) as collection:
        first = collection.search(ENCODER.encode_texts(["red"])[0], 1)[0]
        vector = collection.vector(first.id)
        assert vector.dtype == np.float32
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)
        assert collection.search(vector, 1)[0].id == first.id
        assert collection.images([first.id, "img_none"]).keys() == {first.id}
        for ask in (collection.image, collection.file, collection.vector):
            with pytest.raises(ImageNotFound, match="img_none"):
                ask("img_none")
        with pytest.raises(InputError, match="shape"):
            collection.search(np.ones(5, dtype=np.float32), 1)
        with pytest.raises(InputError, match="not finite"):
            collection.search(np.full(12, np.nan, dtype=np.float32), 1)
        with pytest.raises(InputError, match="at least 1"):
            collection.search(vector, 0)


def test_no_collection(tmp_path: Path) -> None:
    with pytest.raises(CollectionNotFound, match="veralens index"):
        Collection.open(tmp_path)
    with pytest.raises(CollectionNotFound):
        Collection.open(tmp_path / "nowhere")
