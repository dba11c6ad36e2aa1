"""What is not needed goes; nothing else does."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from retrieval.collection import Collection
from retrieval.compaction import compact_collection
from retrieval.errors import CollectionDamaged, CollectionError
from retrieval.verification import verify_collection
from retrieval.writer import CollectionWriter
from tests.faults.damage import TOKENS, answers, make
from tests.faults.numbered import add, id_of, numbers_in, path_of, vector_of


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "numbers.collection"
    make(path)
    return path


def compacted(target: Path):  # type: ignore[no-untyped-def]
    with CollectionWriter.open(target) as writer:
        return compact_collection(writer)


def test_answers_stay_and_dead_rows_go(target: Path) -> None:
    before = answers(target)
    with Collection.open(target) as reader:
        report = compacted(target)
        # Who had it open reads on, in the old files and the new.
        assert reader.search(vector_of(50), 1)[0].id == id_of(50)
        np.testing.assert_allclose(reader.vector(id_of(50)), vector_of(50), atol=1e-3)
        assert reader.rerank_tokens([id_of(50)], TOKENS)
    assert answers(target) == before
    assert (report.embeddings, report.tokens) == (5, 1)
    assert report.changes > 250
    found = verify_collection(target)
    assert found.problems == ()
    assert found.leftovers == ()
    again = compacted(target)
    assert (again.embeddings, again.tokens) == (0, 0)


def test_it_goes_on_growing(target: Path) -> None:
    compacted(target)
    with CollectionWriter.open(target) as writer:
        add(writer, range(500, 520))
        writer.settle(gone=[path_of(501)])
    compacted(target)
    with Collection.open(target) as collection:
        assert {500, 519} <= numbers_in(collection, 600)
        assert 501 not in numbers_in(collection, 600)
    assert verify_collection(target).problems == ()


def test_files_that_nothing_names_go(target: Path) -> None:
    left = [target / "segments" / "00000007.fp16", target / "index" / "0000000001-0.faiss", target / "index" / "x.tmp"]
    for path in left:
        path.write_bytes(b"left")
    compacted(target)
    assert not any(path.exists() for path in left)


def test_damage_is_named_and_nothing_is_lost(target: Path) -> None:
    segment = target / "segments" / "00000001.fp16"
    data = bytearray(segment.read_bytes())
    data[70] ^= 1
    segment.write_bytes(data)
    with pytest.raises(CollectionDamaged, match=r"row 1.*then compact"):
        compacted(target)
    assert segment.read_bytes() == data
    assert [problem.count for problem in verify_collection(target).problems] == [1]


def test_no_room(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = answers(target)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(100, 100, 0))
    with pytest.raises(CollectionError, match="Make room"):
        compacted(target)
    assert answers(target) == before
