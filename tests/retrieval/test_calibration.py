"""What an index is calibrated with, and what its codes and its rounded queries may be off by."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from retrieval.calibration import remembered_queries
from retrieval.encoder import load_encoder
from retrieval.index import EVERYTHING, EXACT, LISTS, SCANNED_LISTS, IndexPlan
from retrieval.manifest import read_manifest
from retrieval.stores.faiss import FaissIndex, faiss
from retrieval.stores.ivf import build_lists
from retrieval.types import EncoderRecord
from retrieval.writer import CollectionWriter
from tests.retrieval.test_index import DIMENSION, ENCODER, IMAGES, SMALL, clustered, enter


def test_the_encoder_that_is_remembered_gives_the_queries() -> None:
    bundled = load_encoder("bundled")
    queries = remembered_queries(EncoderRecord("bundled", bundled.dimension, bundled.fingerprint))(12, ["a red shirt"])
    assert queries is not None
    assert queries.shape == (12, bundled.dimension)
    # Another encoder under its name, or none: then there are none.
    assert remembered_queries(EncoderRecord("bundled", bundled.dimension, "0" * 32))(12, []) is None
    assert remembered_queries(EncoderRecord("local-dir:/no/such/encoder", 64, "0" * 32))(12, []) is None


def test_queries_that_an_encoder_gives_are_what_is_measured(tmp_path: Path) -> None:
    asked: list[tuple[int, list[str]]] = []

    def texts(count: int, captions: list[str]) -> object:
        asked.append((count, captions))
        return clustered(count, seed=3)

    with CollectionWriter.create_or_open(tmp_path / "c", ENCODER) as writer:
        enter(writer, clustered(IMAGES))
        writer.publish(texts, rule=SMALL[SCANNED_LISTS])  # type: ignore[arg-type]
    manifest = read_manifest(tmp_path / "c")
    assert manifest is not None
    assert manifest.indexes[0].measured["queries"] == "128 texts"
    assert [count for count, _ in asked] == [384]
    assert "picture 50" in asked[0][1]


@pytest.mark.parametrize("kind", [LISTS, SCANNED_LISTS])
def test_no_cosine_is_further_off_than_is_said(kind: str) -> None:
    vectors, queries = clustered(3000), clustered(20, seed=4)
    keys = np.arange(len(vectors), dtype=np.int64)
    plan = IndexPlan(kind, {"nlist": 32, "training": 2000})
    index = build_lists(plan, lambda count: vectors[:count], [(keys, vectors)])
    for query in queries:
        found, cosines = index.search(query, len(vectors), effort=EVERYTHING)
        assert len(found) == len(vectors)
        off = np.abs(cosines - vectors[found] @ query)
        assert 0 < off.max() <= index.error(query) < 0.1


def test_a_search_takes_the_thread_that_asks_and_no_other() -> None:
    index = FaissIndex.build(IndexPlan(EXACT), DIMENSION, [(np.arange(10, dtype=np.int64), clustered(10))])
    seen: list[int] = []

    class Watched:
        ntotal = 10

        def search(self, *_: object, **__: object) -> tuple[np.ndarray, np.ndarray]:
            seen.append(faiss.omp_get_max_threads())
            return np.zeros((1, 1), dtype=np.float32), np.zeros((1, 1), dtype=np.int64)

    watched = FaissIndex(Watched(), EXACT)
    with ThreadPoolExecutor(1) as pool:
        before = pool.submit(faiss.omp_get_max_threads).result()
        pool.submit(watched.search, clustered(1)[0], 1).result()
        pool.submit(index.search, clustered(1)[0], 1).result()
        assert pool.submit(faiss.omp_get_max_threads).result() == before
    assert seen == [1]
