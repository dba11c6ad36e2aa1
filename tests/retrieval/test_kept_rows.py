"""What a reader keeps of the catalogue is read once, and never older than the last commit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from retrieval import kept_rows
from retrieval.catalog import Catalog
from retrieval.collection import Collection
from retrieval.types import ImageRecord
from retrieval.writer import CollectionWriter
from tests.faults.numbered import add, id_of, numbers_in, open_writer, path_of


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "numbers.collection"
    with open_writer(path) as writer:
        add(writer, range(20))
        writer.publish()
    return path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids whose records were read from the catalogue."""
    asked: list[str] = []
    images = Catalog._images

    def counted(self: Catalog, ids: Sequence[str]) -> dict[str, ImageRecord]:
        asked.extend(ids)
        return images(self, ids)

    monkeypatch.setattr(Catalog, "_images", counted)
    return asked


def test_a_record_is_read_once_until_somebody_commits(target: Path, read: list[str]) -> None:
    with Collection.open(target) as collection:
        first = collection.images([id_of(1), id_of(2), "img_none"])
        assert set(first) == {id_of(1), id_of(2)}
        read.clear()
        assert collection.images([id_of(2), id_of(1), id_of(3)]).keys() == {id_of(1), id_of(2), id_of(3)}
        assert read == [id_of(3)]
        with CollectionWriter.open(target) as writer:
            add(writer, [20])
        read.clear()
        assert collection.images([id_of(1)]) == {id_of(1): first[id_of(1)]}
        assert read == [id_of(1)]


def test_what_is_gone_is_gone_for_who_has_just_seen_it(target: Path) -> None:
    with Collection.open(target) as collection:
        assert id_of(7) in collection.images([id_of(7)])
        assert numbers_in(collection, 30) == set(range(20))
        with CollectionWriter.open(target) as writer:
            writer.settle(gone=[path_of(7)])
        assert collection.images([id_of(7)]) == {}
        collection.refresh()
        assert numbers_in(collection, 30) == set(range(20)) - {7}


def test_what_is_kept_has_a_bound() -> None:
    kept: dict[int, str] = {}
    for number in range(100):
        found = kept_rows.through(kept, 10, [number, number + 1], lambda keys: {key: str(key) for key in keys})
        assert found == {number: str(number), number + 1: str(number + 1)}
        assert len(kept) <= 10
