"""Collections as former versions wrote them, kept in tests/data."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from indexer import build_collection
from retrieval.collection import Collection
from retrieval.schema import MIGRATIONS
from retrieval.verification import verify_collection
from retrieval.writer import CollectionWriter
from tests.fakes import ColourEncoder

DATA = Path(__file__).parent.parent / "data"
FORMER = range(1, len(MIGRATIONS))


@pytest.fixture(params=FORMER)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with tarfile.open(DATA / f"collection-schema-{request.param}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "photos.collection"


def ranking(collection: Collection) -> list[tuple[str, float]]:
    vectors = ColourEncoder().encode_texts(["red yellow", "blue"])
    return [(hit.id, round(hit.similarity, 6)) for vector in vectors for hit in collection.search(vector, 100)]


def test_read_as_it_is(old: Path) -> None:
    before = (old / "catalog.sqlite").read_bytes()
    assert verify_collection(old).problems == ()
    with Collection.open(old) as collection:
        assert len(ranking(collection)) == 16
        assert collection.info().images == 8
    assert (old / "catalog.sqlite").read_bytes() == before


def test_brought_up_by_the_next_writer_while_it_is_read(old: Path) -> None:
    with Collection.open(old) as reader:
        before = ranking(reader)
        with CollectionWriter.open(old) as writer:
            assert writer.catalog.checked
        assert verify_collection(old).problems == ()
        reader.refresh()
        assert ranking(reader) == before
        report = build_collection([old.parent / "photos"], old, encoder=ColourEncoder())
        assert (report.added, report.failed) == (8, ())
        reader.refresh()
        assert ranking(reader) == before
    assert verify_collection(old).problems == ()


def test_what_could_not_be_read_stays_listed_but_is_tried_again(tmp_path: Path) -> None:
    with tarfile.open(DATA / "collection-schema-3.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    path = b"/tmp/veralens-schema-3/photos/bad.jpg"
    with CollectionWriter.open(tmp_path / "photos.collection") as writer:
        assert writer.catalog.failures() == [(path.decode(), "is not an image in a format that is read here")]
        known = writer.catalog.failed_file(path)
        assert known is not None
        assert known.reader is None  # nothing says what could not read it
