"""Indexes of every kind, small: what they find against comparing everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.bitmaps import bitmap_of, count_of, holds, keys_of, without
from retrieval.calibration import text_queries, texts_like
from retrieval.catalog_writer import FoundPath, ImageContent
from retrieval.collection import Collection
from retrieval.errors import CollectionDamaged
from retrieval.index import EXACT, EXACT_HALF, LISTED, LISTS, RULE, SCANNED_LISTS, IndexPlan, IndexRule
from retrieval.manifest import read_manifest
from retrieval.phrases import phrases_for
from retrieval.types import EncoderRecord, Neighbour, Vectors
from retrieval.writer import Addition, CollectionWriter

DIMENSION, IMAGES = 64, 5000
ENCODER = EncoderRecord("made up", DIMENSION, "f" * 32)


class EarlierRule(IndexRule):
    """What collections were given before their lists had short codes as well: they are still searched."""

    def plan(self, images: int, dimension: int) -> IndexPlan:
        return IndexPlan(LISTS, super().plan(images, dimension).parameters)


SMALL = {
    EXACT: IndexRule(exact_images=IMAGES),
    EXACT_HALF: IndexRule(exact_images=100, half_bytes=2 * IMAGES * DIMENSION),
    SCANNED_LISTS: IndexRule(exact_images=100, half_bytes=1000, candidates=50),
    LISTS: EarlierRule(exact_images=100, half_bytes=1000, candidates=50),
}


def clustered(count: int, seed: int = 0, offset: float = 0.6) -> Vectors:
    """Unit vectors in clusters, with a part that all share."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(100, DIMENSION))
    vectors = centres[random.integers(100, size=count)] + 0.7 * random.normal(size=(count, DIMENSION))
    vectors[:, 0] += offset * 10
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def enter(writer: CollectionWriter, vectors: Vectors, first: int = 0) -> None:
    """Enter images with these embeddings; image n lies in folder n % 100 and is n pixels wide."""
    root = writer.put_root(b"/pictures")
    additions = []
    for number, vector in enumerate(vectors, start=first):
        content = ImageContent(number.to_bytes(32, "little"), number, 10, "PNG", 100)
        caption = f"picture {number}" if number % 50 == 0 else None
        found = FoundPath(b"/pictures/%d/%d.png" % (number % 100, number), root, 1, 1, caption=caption)
        additions.append(Addition(content, found, vector))
    writer.commit(additions)


def image_id(number: int) -> str:
    return "img_" + number.to_bytes(32, "little").hex()[:20]


@pytest.fixture(scope="module")
def embeddings() -> Vectors:
    return clustered(IMAGES)


@pytest.fixture(scope="module")
def queries() -> Vectors:
    return texts_like(clustered(500, seed=5), 40, seed=7)


@pytest.fixture(scope="module", params=list(SMALL))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, kind: str, embeddings: Vectors) -> Path:
    path = tmp_path_factory.mktemp(kind) / "c"
    with CollectionWriter.create_or_open(path, ENCODER) as writer:
        enter(writer, embeddings)
        writer.publish(rule=SMALL[kind])
    return path


@pytest.fixture
def collection(target: Path) -> Iterator[Collection]:
    with Collection.open(target) as opened:
        yield opened


def truth(embeddings: Vectors, query: Vectors, k: int) -> list[str]:
    return [image_id(number) for number in np.argsort(-(embeddings @ query), kind="stable")[:k].tolist()]


def ids(found: list[Neighbour]) -> list[str]:
    return [one.id for one in found]


def share(found: list[Neighbour], right: list[str]) -> float:
    return len(set(ids(found)) & set(right)) / len(right)


def test_each_size_has_its_index() -> None:
    assert RULE.plan(100_000, 512).kind == EXACT
    assert RULE.plan(100_001, 512).kind == EXACT_HALF
    assert RULE.plan(250_000, 512).kind == EXACT_HALF
    million = RULE.plan(1_000_000, 512)
    assert (million.kind, million.parameters["nlist"]) == (SCANNED_LISTS, 4096)
    # What the centres are learnt from is bounded, in points a list and in bytes.
    assert million.parameters["training"] == 48 * 4096
    many = RULE.plan(100_000_000, 512).parameters
    assert many["training"] == max(many["nlist"], RULE.training_bytes // (4 * 512))


def test_the_manifest_keeps_what_was_measured(target: Path, kind: str) -> None:
    manifest = read_manifest(target)
    assert manifest is not None
    record = manifest.indexes[0]
    assert record.kind == kind
    if kind == EXACT:
        assert record.measured == {}
        return
    assert record.measured["recall"] >= (0.95 if kind in LISTED else 0.99)
    assert record.measured["candidates"] == SMALL[kind].candidates
    if kind in LISTED:
        assert record.parameters["nlist"] == 256
        assert 1 <= record.parameters["nprobe"] < 256
        assert 0 < record.parameters["error"] < 0.05


def test_the_choice_is_explained(collection: Collection, kind: str) -> None:
    words = collection.info().index
    said = {EXACT: "exact, fp32", EXACT_HALF: "exact, fp16", LISTS: "lists of 8-bit", SCANNED_LISTS: "of 4- and 8-bit"}
    assert said[kind] in words
    if kind in LISTED:
        assert "of 256 lists" in words
        assert "of the exact 50 for 128 made-up queries" in words


def test_nearly_all_that_is_nearest_is_found(collection: Collection, embeddings: Vectors, queries: Vectors) -> None:
    shares = [share(collection.search(query, 50), truth(embeddings, query, 50)) for query in queries]
    assert np.mean(shares) >= 0.95


def test_similarities_are_those_of_the_embeddings(
    collection: Collection, embeddings: Vectors, queries: Vectors
) -> None:
    # Segments hold fp16: the rest is compared again in full, whatever the codes say.
    for query in queries[:5]:
        for one in collection.search(query, 20):
            number = int.from_bytes(bytes.fromhex(one.id[4:]), "little")
            assert one.similarity == pytest.approx(float(embeddings[number] @ query), abs=4e-4)


def test_exact_finds_what_comparing_everything_finds(
    collection: Collection, embeddings: Vectors, queries: Vectors
) -> None:
    for query in queries:
        found = collection.search(query, 50, exact=True)
        right = truth(embeddings, query, 50)
        # fp16 may exchange two that differ in the fourth digit, at the end of the list too.
        assert share(found, right) >= 0.96
        assert found[0].id == right[0]


def test_changes_behind_the_index_are_seen(target: Path, kind: str, embeddings: Vectors, queries: Vectors) -> None:
    before = len(embeddings)
    with Collection.open(target) as collection:
        query = embeddings[7]
        assert ids(collection.search(query, 1)) == [image_id(7)]
        with CollectionWriter.create_or_open(target, ENCODER) as writer:
            enter(writer, queries[:3], first=before)
            writer.settle(gone=[b"/pictures/7/7.png"])
            # The old state shows nothing new, and at once nothing that is gone.
            assert image_id(7) not in ids(collection.search(query, 10))
            assert image_id(before) not in ids(collection.search(queries[0], 10))
            assert collection.refresh()
            for exact in (False, True):
                assert image_id(7) not in ids(collection.search(query, 10, exact=exact))
                assert collection.search(queries[0], 3, exact=exact)[0].id == image_id(before)
                every = collection.search(queries[0], 10_000, exact=exact)
                assert len({one.id for one in every}) == len(every) == before + 2
            # Put it back as it was for the other tests of this collection.
            writer.settle(gone=[b"/pictures/%d/%d.png" % (n % 100, n) for n in range(before, before + 3)])
            enter(writer, embeddings[7:8], first=7)


def test_a_flipped_bit_is_noticed_before_faiss_sees_it(target: Path) -> None:
    manifest = read_manifest(target)
    assert manifest is not None
    path = target / manifest.indexes[0].file
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 4
    path.write_bytes(damaged)
    try:
        with Collection.open(target) as collection:
            assert "built in memory" in collection.info().index
    finally:
        path.write_bytes(whole)


def test_damaged_embeddings_do_not_stop_a_search(
    target: Path, kind: str, queries: Vectors, caplog: pytest.LogCaptureFixture
) -> None:
    segment = next((target / "segments").iterdir())
    with Collection.open(target) as collection:
        before, every = collection.search(queries[0], 20), collection.search(queries[0], 20, exact=True)
        whole = segment.read_bytes()
        segment.write_bytes(bytes(len(whole)))
        try:
            after = collection.search(queries[0], 20)
            exact = collection.search(queries[0], 20, exact=True)
        finally:
            segment.write_bytes(whole)
    assert share(after, ids(before)) >= 0.9
    assert share(exact, ids(every)) >= 0.9
    assert {one.id: one.similarity for one in after}[before[0].id] == pytest.approx(before[0].similarity, abs=0.02)
    assert ("checksum" in caplog.text) == (kind in LISTED)


def test_queries_are_the_encoders_own_texts_where_there_is_one(tmp_path: Path, embeddings: Vectors) -> None:
    asked: list[str] = []

    class Words:
        def encode_texts(self, texts: list[str]) -> Vectors:
            asked.extend(texts)
            return clustered(len(texts), seed=3)

    with CollectionWriter.create_or_open(tmp_path / "c", ENCODER) as writer:
        enter(writer, embeddings[:2000])
        writer.publish(text_queries(Words()), rule=replace(SMALL[SCANNED_LISTS], recall=0.9))  # type: ignore[arg-type]
    assert len(asked) == 384
    assert "picture 150" in asked
    assert any(text.startswith("a photo of a ") for text in asked)
    with Collection.open(tmp_path / "c") as collection:
        assert "for 128 texts" in collection.info().index


def test_a_small_change_does_not_rebuild_inverted_lists(tmp_path: Path, embeddings: Vectors) -> None:
    rule = SMALL[SCANNED_LISTS]
    with CollectionWriter.create_or_open(tmp_path / "c", ENCODER) as writer:
        enter(writer, embeddings[:3000])
        writer.publish(rule=rule)
        first = read_manifest(tmp_path / "c")
        enter(writer, embeddings[3000:3100], first=3000)
        writer.publish(rule=rule)
        assert read_manifest(tmp_path / "c") == first
        enter(writer, embeddings[3100:4500], first=3100)
        writer.publish(rule=rule)
        second = read_manifest(tmp_path / "c")
    assert first is not None
    assert second is not None
    assert (first.indexes[0].images, second.indexes[0].images) == (3000, 4500)


def test_made_up_queries_lie_as_texts_do() -> None:
    images = clustered(2000)
    queries = texts_like(images, 200)
    assert np.linalg.norm(queries, axis=1) == pytest.approx(1.0, abs=1e-5)
    among_images = float((images[:500] @ images[500:1000].T).mean())
    across = queries @ images.T
    # Far from all images, and yet nearer to some than to others.
    assert float(across.mean()) < among_images - 0.2
    assert float(across.max(axis=1).mean()) > float(across.mean()) + 3 * float(across.std())
    assert np.array_equal(queries, texts_like(images, 200))


def test_phrases() -> None:
    assert len(set(phrases_for(300))) == 300
    mixed = phrases_for(30, ["blue jeans", "blue jeans", " ", "red hat"])
    assert {"blue jeans", "red hat"} < set(mixed)
    assert len(mixed) == 30


def test_sets_of_keys() -> None:
    some = bitmap_of([3, 8, 9, 4000])
    assert keys_of(some).tolist() == [3, 8, 9, 4000]
    assert count_of(some) == 4
    assert holds(some, np.array([3, 4, 4000, 10**9, -1])).tolist() == [True, False, True, False, False]
    assert keys_of(without(some, bitmap_of([8, 100_000]))).tolist() == [3, 9, 4000]
    nothing = bitmap_of([])
    assert (count_of(nothing), holds(nothing, np.array([1])).tolist()) == (0, [False])


def test_damage_that_the_checksum_cannot_know_is_named(tmp_path: Path) -> None:
    from retrieval.stores.faiss import FaissIndex

    (tmp_path / "x").write_bytes(b"no index")
    for one in (SCANNED_LISTS, LISTS, EXACT):
        with (tmp_path / "x").open("rb") as file, pytest.raises(CollectionDamaged, match="cannot be read by FAISS"):
            FaissIndex.read(file, kind=one, dimension=4, images=1, parameters={})


@pytest.mark.parametrize(
    ("where", "share_of_all"), [("width < 60", 0.012), ("width < 500", 0.1), ("width >= 2000", 0.6)]
)
def test_filters_leave_nothing_out(
    collection: Collection,
    embeddings: Vectors,
    queries: Vectors,
    where: str,
    share_of_all: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # So small a collection as if it were a large one: all of the three ways.
    monkeypatch.setattr("retrieval.nearest.FEW", 0)
    monkeypatch.setattr("retrieval.nearest.SEVERAL", 0)
    bound = int(where.split()[-1])
    inside = np.arange(IMAGES) < bound if "<" in where else np.arange(IMAGES) >= bound
    assert inside.mean() == pytest.approx(share_of_all, abs=0.001)
    shares = []
    for query in queries:
        found = collection.search(query, 30, where=where)
        scores = np.where(inside, embeddings @ query, -2.0)
        right = [image_id(number) for number in np.argsort(-scores, kind="stable")[:30].tolist()]
        assert len(found) == 30
        assert all(inside[int.from_bytes(bytes.fromhex(one.id[4:]), "little")] for one in found)
        shares.append(share(found, right))
        assert share(collection.search(query, 30, where=where, exact=True), right) >= 0.96
    assert np.mean(shares) >= 0.95


def test_as_many_as_a_filter_has_come_back(collection: Collection, queries: Vectors) -> None:
    # However few lists would be looked into: what is asked for is found by comparing all.
    assert len(collection.search(queries[0], 400, where="folder = 7 or folder = 8")) == 100
    assert len(collection.search(queries[0], 4000, where="width >= 2000")) == 3000
    assert len(collection.search(queries[0], 10_000)) == IMAGES
    assert collection.search(queries[0], 10, where="width > 100000") == []
