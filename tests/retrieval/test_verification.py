"""verify: silent on what is sound, and every broken promise by its name."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from retrieval.collection import Collection
from retrieval.errors import CollectionDamaged, CollectionNotFound
from retrieval.manifest import read_manifest
from retrieval.verification import verify_collection
from retrieval.writer import CollectionWriter
from tests.faults.damage import IMAGES, make
from tests.faults.numbered import add, numbers_in


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("verify") / "numbers.collection"
    make(path)
    return path


@pytest.fixture
def target(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "numbers.collection"))


def sql(*statements: str) -> Callable[[Path], None]:
    """A change behind the back of the triggers."""

    def change(target: Path) -> None:
        with closing(sqlite3.connect(target / "catalog.sqlite")) as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return change


def flip(name: str, place: int) -> Callable[[Path], None]:
    def change(target: Path) -> None:
        path = sorted(target.glob(name))[-1]
        data = bytearray(path.read_bytes())
        data[place] ^= 4
        path.write_bytes(data)

    return change


def drop_an_index(target: Path) -> None:
    manifest = read_manifest(target)
    assert manifest is not None
    (target / manifest.indexes[0].file).unlink()


def put_back_a_copy(target: Path) -> None:
    copy = (target / "catalog.sqlite").read_bytes()
    with CollectionWriter.open(target) as writer:
        add(writer, range(IMAGES + 1, IMAGES + 20))
        writer.publish()
    (target / "catalog.sqlite").write_bytes(copy)


BROKEN = {
    "a flipped bit in a segment": (flip("segments/*.fp16", 1000), "embeddings have their checksum"),
    "a flipped bit in tokens": (flip("tokens/*.fp16", 1000), "image tokens have their checksum"),
    "a flipped bit in an index": (flip("index/*.faiss", 1000), "is there and has its checksum"),
    "a flipped bit in the manifest": (flip("manifest.json", 60), "has its checksum"),
    "an index that is gone": (drop_an_index, "is there and has its checksum"),
    "a catalogue put back": (put_back_a_copy, "generations are the catalogue's"),
    "another row": (sql("UPDATE image SET width = 41 WHERE key = 30"), "rows of 'image' have their checksum"),
    "another path": (sql("UPDATE path SET display = 'x' WHERE seen = 30"), "rows of 'path' have their checksum"),
    "a log with a gap": (sql("DELETE FROM op WHERE seq = 9"), "can be read"),
    "a wrong count": (sql("UPDATE tally SET images = 3"), "counts its images"),
    "a path to nowhere": (sql("UPDATE path SET image = 9999 WHERE seen = 30"), "rows refer to rows that exist"),
    "tables of our own making": (sql("CREATE TABLE mine (x)"), "has the tables of its schema"),
    "a removed image that is back": (
        sql("INSERT INTO ignored SELECT sha256, id, '' FROM image WHERE key = 30"),
        "removed images stay away",
    ),
}


def test_a_sound_collection(target: Path) -> None:
    ticks: list[tuple[int, int]] = []
    found = verify_collection(target, progress=lambda done, total: ticks.append((done, total)))
    assert found.sound
    assert found.problems == ()
    assert found.checked["embeddings"] == IMAGES - 4
    assert found.checked["index entries"] > IMAGES
    assert found.checked["image tokens"] > 0
    assert all(done <= total for done, total in ticks)
    assert ticks == sorted(ticks)
    assert any(one.reason == "rows of images that are gone" for one in found.leftovers)


@pytest.mark.parametrize("case", BROKEN)
def test_every_broken_promise_is_named(target: Path, case: str) -> None:
    damage, promise = BROKEN[case]
    damage(target)
    found = verify_collection(target)
    assert not found.sound
    assert promise in [problem.promise for problem in found.problems], [str(one) for one in found.problems]
    assert all(problem.remedy for problem in found.problems)
    assert found.to_dict()["sound"] is False


def test_what_killed_writers_leave_breaks_no_promise(target: Path) -> None:
    (target / "manifest.json.tmp").write_bytes(b"half")
    (target / "segments" / "00000009.fp16").write_bytes(b"of a compaction")
    with (target / "segments" / "00000001.fp16").open("ab") as segment:
        segment.write(b"torn")
    found = verify_collection(target)
    assert found.sound
    left = {one.file: one.bytes for one in found.leftovers}
    assert left["manifest.json.tmp"] == 4
    assert left["segments/00000009.fp16"] == 15


def test_beside_a_writer(target: Path) -> None:
    with CollectionWriter.open(target) as writer:
        add(writer, range(1000, 1010))
        with writer.catalog.transaction():
            writer.catalog.forget([12])
            assert verify_collection(target).sound


def test_a_catalogue_that_is_none(target: Path) -> None:
    (target / "catalog.sqlite").write_bytes(b"scrambled" * 1000)
    found = verify_collection(target)
    assert [problem.promise for problem in found.problems] == ["can be read"]


def test_no_collection(tmp_path: Path) -> None:
    with pytest.raises(CollectionNotFound):
        verify_collection(tmp_path)


def test_damaged_rows_are_forgotten_by_the_next_indexing(target: Path) -> None:
    with CollectionWriter.open(target) as writer:
        connection = writer.catalog.connection
        trigger = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'image_checked_again'").fetchone()[0]
        connection.execute("DROP TRIGGER image_checked_again")
        connection.execute("UPDATE image SET width = 41 WHERE key = 30")
        connection.execute(trigger)
    assert not verify_collection(target).sound
    with CollectionWriter.open(target) as writer:
        assert len(writer.forget_damaged()) == 1
        writer.publish()
    assert verify_collection(target).problems == ()


def test_commits_behind_a_damaged_place_of_the_log(target: Path) -> None:
    with CollectionWriter.open(target) as writer:
        for number in range(2000, 2010):
            add(writer, [number])
        live = target.with_suffix(".live")
        shutil.copytree(target, live)  # as a power cut would leave it
    assert verify_collection(live).problems == ()
    wal = live / "catalog.sqlite-wal"
    data = bytearray(wal.read_bytes())
    data[len(data) // 2] ^= 1
    wal.write_bytes(data)
    (live / "catalog.sqlite-shm").unlink()
    found = verify_collection(live)
    assert [problem.promise for problem in found.problems] == ["every commit can be reached"]
    with Collection.open(live) as collection:
        # The state of an earlier moment, whole.
        there = numbers_in(collection, 2100)
        last = max(there)
        assert 1999 < last < 2009
        assert there >= set(range(2000, last + 1))


def test_damage_whose_name_cannot_be_read_is_named(target: Path) -> None:
    path = target / "catalog.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
    data = path.read_bytes()
    for place in [found.start() for found in re.finditer(b"collection", data)]:
        damaged = bytearray(data)
        damaged[place + 8] ^= 0x80  # no UTF-8 any more; in some places SQLite's error quotes it
        path.write_bytes(damaged)
        try:
            Collection.open(target).close()
        except CollectionDamaged as error:
            assert "catalog.sqlite: is damaged" in str(error)  # noqa: PT017
