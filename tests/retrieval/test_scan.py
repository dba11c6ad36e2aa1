"""Inverted lists with short codes: what they find beside their 8-bit codes alone, on disk and off, sound and not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.bitmaps import bitmap_of
from retrieval.calibration import texts_like
from retrieval.collection import Collection
from retrieval.errors import CollectionDamaged
from retrieval.index import EVERYTHING, LISTS, SCANNED_LISTS, IndexPlan
from retrieval.manifest import read_manifest, write_manifest
from retrieval.publishing import BuiltIndex, read_index, write_index
from retrieval.stores.contents import wrong_short_codes
from retrieval.stores.faiss import FaissIndex, faiss
from retrieval.stores.ivf import build_lists
from retrieval.stores.scan import ScannedLists
from retrieval.types import Vectors
from retrieval.verification import verify_collection
from retrieval.writer import CollectionWriter
from tests.retrieval.test_index import DIMENSION, ENCODER, IMAGES, SMALL, clustered, enter, image_id

# Neither in order nor without gaps, as keys of a collection are that has been compacted.
KEYS = np.random.default_rng(3).permutation(3 * IMAGES)[:IMAGES].astype(np.int64)


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return clustered(IMAGES)


@pytest.fixture(scope="module")
def built(vectors: Vectors) -> ScannedLists:
    blocks = [(KEYS[start : start + 1000], vectors[start : start + 1000]) for start in range(0, IMAGES, 1000)]
    plan = IndexPlan(SCANNED_LISTS, {"nlist": 64, "training": IMAGES})
    index = build_lists(plan, lambda count: vectors[:count], blocks).with_parameters(nprobe=24, survivors=12)
    assert isinstance(index, ScannedLists)
    return index


@pytest.fixture(scope="module")
def asked() -> Vectors:
    return texts_like(clustered(500, seed=5), 40, seed=7)


def read_back(index: FaissIndex, path: Path) -> ScannedLists:
    with path.open("wb") as file:
        index.write(file)
    with path.open("rb") as file:
        held = FaissIndex.read(
            file, kind=SCANNED_LISTS, dimension=DIMENSION, images=IMAGES, parameters=index.parameters
        )
        return ScannedLists.of(held, file)


def test_short_codes_lose_next_to_nothing_of_what_the_long_ones_find(
    built: ScannedLists, vectors: Vectors, asked: Vectors
) -> None:
    long = FaissIndex(built.faiss_index, LISTS, built.parameters)
    shares = [np.isin(long.search(query, 50)[0], built.search(query, 50)[0]).mean() for query in asked]
    assert np.mean(shares) >= 0.97
    # And no other than the best of them are compared: fewer survivors find less.
    few = built.with_parameters(survivors=1)
    assert np.mean([np.isin(long.search(query, 50)[0], few.search(query, 50)[0]).mean() for query in asked]) < 0.95
    numbers = {key: number for number, key in enumerate(KEYS.tolist())}
    for query in asked[:5]:
        keys, similarities = built.search(query, 50)
        true = vectors[[numbers[key] for key in keys.tolist()]] @ query
        assert np.abs(similarities - true).max() <= built.error(query)
        assert (np.diff(similarities) <= 0).all()


def test_read_back_it_finds_the_same(built: ScannedLists, asked: Vectors, tmp_path: Path) -> None:
    again = read_back(built, tmp_path / "x")
    for query in asked:
        found, expected = again.search(query, 50), built.search(query, 50)
        assert found[0].tolist() == expected[0].tolist()
        assert found[1].tolist() == expected[1].tolist()
    assert wrong_short_codes(again) == 0


def test_what_is_filtered_or_removed_stays_out(built: ScannedLists, asked: Vectors) -> None:
    some, gone = KEYS[::3], KEYS[::2]
    for query in asked:
        keys, _ = built.search(query, 50, among=bitmap_of(some), without=bitmap_of(gone))
        assert len(keys) == 50
        assert np.isin(keys, some).all()
        assert not np.isin(keys, gone).any()
    assert len(built.search(asked[0], 50, among=bitmap_of([]))[0]) == 0


def test_all_of_it_can_be_had(built: ScannedLists, asked: Vectors) -> None:
    assert sorted(built.search(asked[0], IMAGES, effort=EVERYTHING)[0].tolist()) == sorted(KEYS.tolist())
    assert len(built.search(asked[0], IMAGES)[0]) > 24 * IMAGES / 64 / 3
    assert built.search(asked[0], 0)[0].tolist() == []


@pytest.mark.parametrize("dimension", [8, 30, 2048])
def test_embeddings_of_any_width(dimension: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(2000, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    keys = np.arange(2000, dtype=np.int64)
    plan = IndexPlan(SCANNED_LISTS, {"nlist": 8, "training": 2000})
    index = build_lists(plan, lambda count: vectors[:count], [(keys, vectors)]).with_parameters(survivors=20)
    assert isinstance(index, ScannedLists)
    for number in (5, 100, 1999):
        assert index.search(vectors[number], 20)[0][0] == number
    assert wrong_short_codes(index) == 0


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, vectors: Vectors) -> Path:
    path = tmp_path_factory.mktemp("scan") / "c"
    with CollectionWriter.create_or_open(path, ENCODER) as writer:
        enter(writer, vectors, first=1)
        writer.publish(rule=SMALL[SCANNED_LISTS])
    return path


@pytest.mark.parametrize("place", [0, 40, 0.2, 0.5, 0.8, 0.95, -9, -8, -1])
@pytest.mark.parametrize("cut", [False, True])
def test_damage_anywhere_in_the_file_is_noticed(target: Path, place: float, cut: bool) -> None:
    manifest = read_manifest(target)
    assert manifest is not None
    path = target / manifest.indexes[0].file
    whole = path.read_bytes()
    at = int(place * len(whole)) if 0 < place < 1 else int(place) % len(whole)
    path.write_bytes(whole[:at] if cut else whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
    try:
        with Collection.open(target) as collection:
            assert "built in memory" in collection.info().index
            assert collection.search(clustered(IMAGES)[7], 1)[0].id == image_id(8)
        assert any("checksum" in problem.promise for problem in verify_collection(target).problems)
    finally:
        path.write_bytes(whole)


def test_verify_looks_at_every_short_code(target: Path) -> None:
    assert not verify_collection(target).problems
    manifest = read_manifest(target)
    assert manifest is not None
    before = (target / "manifest.json").read_bytes()
    index = read_index(target, manifest.indexes[0])
    assert isinstance(index, ScannedLists)
    packed = faiss.rev_swig_ptr(index.short.invlists.get_codes(3), 8)
    packed ^= 0xFF
    # A file whose checksum is right, of codes that are not: as a bug would leave it.
    record = write_index(target, BuiltIndex(index), manifest.indexes[0].generation, DIMENSION)
    write_manifest(target, replace(manifest, indexes=(record,)))
    try:
        problems = verify_collection(target).problems
        assert [problem.promise for problem in problems] == ["has the short codes of its entries"]
    finally:
        (target / record.file).unlink()
        (target / "manifest.json").write_bytes(before)


@pytest.mark.parametrize("trailer", [b"\xff" * 8, bytes(8), (10**6).to_bytes(8, "little"), b""])
def test_damage_that_the_checksum_cannot_know_is_named(built: ScannedLists, tmp_path: Path, trailer: bytes) -> None:
    path = tmp_path / "x"
    with path.open("wb") as file:
        built.write(file)
    path.write_bytes(path.read_bytes()[:-8] + trailer)
    with path.open("rb") as file, pytest.raises(CollectionDamaged, match="short codes"):
        ScannedLists.of(FaissIndex(built.faiss_index, SCANNED_LISTS, built.parameters), file)
