"""A reader that keeps up with a writer."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from retrieval.collection import Collection
from retrieval.compaction import compact_collection
from retrieval.errors import CollectionDamaged, EncoderChanged, GenerationNotReached
from retrieval.following import Follower
from retrieval.reembedding import NextEmbeddings
from retrieval.writer import CollectionWriter
from tests.faults.numbered import ENCODERS, add, id_of, numbers_in, open_writer, path_of, vector_of


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "numbers.collection"
    with open_writer(path) as writer:
        add(writer, range(20))
        writer.publish()
    return path


def test_nothing_new_reads_nothing(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Collection.open(target) as collection:
        monkeypatch.setattr(Follower, "_loaded", None)
        monkeypatch.setattr(Follower, "_advanced", None)
        assert not collection.refresh()
        collection.wait_for(20, timeout=0.0)


def test_who_has_written_waits_for_that_state(target: Path) -> None:
    with Collection.open(target) as collection, CollectionWriter.open(target) as writer:
        add(writer, [20])
        collection.wait_for(writer.catalog.generation(), timeout=0.0)
        assert id_of(20) in collection.images([id_of(20)])
        assert numbers_in(collection, 30) == set(range(21))
        with pytest.raises(GenerationNotReached, match="at generation 21, not yet at 22"):
            collection.wait_for(22, timeout=0.0)
        later = threading.Timer(0.2, add, (writer, [21]))
        later.start()
        collection.wait_for(22, timeout=30.0)
        later.join()
        assert numbers_in(collection, 30) == set(range(22))


def test_commits_come_in_while_an_index_loads(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = threading.Event(), threading.Event()
    load = Follower._loaded

    def slow(self: Follower, catalog: object) -> object:
        begun.set()
        assert go.wait(30)
        return load(self, catalog)  # type: ignore[arg-type]

    with Collection.open(target) as collection, CollectionWriter.open(target) as writer:
        add(writer, [20])
        writer.publish()
        monkeypatch.setattr(Follower, "_loaded", slow)
        loading = threading.Thread(target=collection.refresh)
        loading.start()
        assert begun.wait(30)
        add(writer, [21])
        collection.refresh(indexes=False)
        assert numbers_in(collection, 30) == set(range(22))
        go.set()
        loading.join()
        assert numbers_in(collection, 30) == set(range(22))
        assert "1 newer images beside it" in collection.info().index


def test_a_shortened_log_is_no_obstacle(target: Path) -> None:
    with Collection.open(target) as collection:
        with CollectionWriter.open(target) as writer:
            add(writer, range(20, 30))
            writer.settle(gone=[path_of(3)])
            writer.publish()
            add(writer, [30])
            compact_collection(writer)
        assert collection.refresh(indexes=False)
        assert numbers_in(collection, 40) == set(range(31)) - {3}
        np.testing.assert_allclose(collection.vector(id_of(25)), vector_of(25), atol=1e-3)


def test_a_catalogue_put_back_from_a_copy_is_read_anew(target: Path) -> None:
    copy = target.with_suffix(".copy")
    shutil.copytree(target, copy)
    with Collection.open(target) as collection:
        with CollectionWriter.open(target) as writer:
            add(writer, [20])
        assert collection.refresh()
        for name in ("catalog.sqlite-wal", "catalog.sqlite-shm"):
            (target / name).unlink(missing_ok=True)
        (copy / "catalog.sqlite").replace(target / "catalog.sqlite")
        collection.refresh()
        assert numbers_in(collection, 30) == set(range(20))


def test_a_reader_of_the_old_encoder_goes_on_and_is_told(target: Path) -> None:
    with Collection.open(target) as collection:
        before = collection.search(vector_of(5), 20)
        with CollectionWriter.open(target) as writer:
            following = NextEmbeddings(writer, ENCODERS[1])
            following.commit([(one.key, vector_of(one.key - 1, ENCODERS[1])) for one in following.next_missing(0, 99)])
            following.switch()
        assert collection.search(vector_of(5), 20) == before
        with pytest.raises(EncoderChanged, match="open it again"):
            collection.refresh()
        with pytest.raises(EncoderChanged):
            collection.vector(id_of(5))
    with Collection.open(target) as collection:
        assert collection.search(vector_of(5, ENCODERS[1]), 1)[0].similarity > 0.999


def test_a_hidden_image_is_damage(target: Path) -> None:
    with closing(sqlite3.connect(target / "catalog.sqlite")) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DROP TRIGGER image_paths_fewer")
        connection.execute("DELETE FROM path WHERE image = 4")
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM image WHERE key = 4")
        connection.execute("UPDATE tally SET images = 19")
        connection.commit()
    with Collection.open(target) as collection, pytest.raises(CollectionDamaged, match="was not removed"):
        collection.search(vector_of(3), 20)
