"""Searching with image tokens from the collection, with the bundled reranker and a random one, on drawn pictures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer import build_collection
from indexer.samples.catalogue import sample_catalogue
from indexer.samples.scenes import draw
from rerank import EntailmentReranker
from retrieval import Collection, SearchEngine, SearchResult, load_encoder
from retrieval.types import Encoder

REFERENCE = Path(__file__).parent.parent / "data" / "ofa-reference"
QUERIES = ("blue denim jeans", "a red umbrella")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("bundled", precision="fp32")


@pytest.fixture(scope="module")
def bundled() -> Iterator[EntailmentReranker]:
    with EntailmentReranker.from_pretrained("bundled", precision="fp32", cache_bytes=0) as reranker:
        yield reranker


@pytest.fixture(scope="module")
def random() -> Iterator[EntailmentReranker]:
    with EntailmentReranker.from_pretrained(str(REFERENCE), precision="fp32", cache_bytes=0) as reranker:
        yield reranker


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, encoder: Encoder, bundled: EntailmentReranker, random: EntailmentReranker
) -> tuple[Path, Path, dict[str, SearchResult]]:
    """Pictures, their collection with the tokens of both rerankers, and what was found without tokens."""
    folder = tmp_path_factory.mktemp("photos")
    for number, sample in enumerate(sample_catalogue()[:240:12]):
        draw(sample.scene, size=160).save(folder / f"{number:02d}.jpg")
    target = folder.parent / "made.collection"
    build_collection([folder], target, encoder=encoder)
    before = {}
    for name, reranker in (("bundled", bundled), ("random", random)):
        with Collection.open(target) as collection:
            engine = SearchEngine(collection, encoder, reranker, fusion_weight=0.5)
            before |= {name + query: engine.search(query, top_k=20) for query in QUERIES}
        report = build_collection([folder], target, encoder=encoder, precompute_rerank=reranker)
        assert (report.unchanged, report.precomputed, report.failed) == (20, 20, ())
    return folder, target, before


@pytest.fixture
def copied(made: tuple[Path, Path, dict[str, SearchResult]], tmp_path: Path) -> Path:
    """The collection, to be changed."""
    return Path(shutil.copytree(made[1], tmp_path / "copied.collection"))


def assert_same(found: SearchResult, wanted: SearchResult) -> None:
    """The same pictures in the same order; fp16 tokens move a probability by 2e-3 at most."""
    judged = {hit.id: hit for hit in wanted.hits}
    for hit in found.hits:
        assert hit.entailment == pytest.approx(judged[hit.id].entailment, abs=2e-3)
        assert hit.contradiction == pytest.approx(judged[hit.id].contradiction, abs=2e-3)
        assert hit.label == judged[hit.id].label
    assert [hit.id for hit in found.hits][:5] == [hit.id for hit in wanted.hits][:5]
    assert (found.degraded, found.reranked) == (None, True)


@pytest.mark.parametrize("which", ["bundled", "random"])
def test_tokens_stand_in_for_pictures_that_are_gone(
    made: tuple[Path, Path, dict[str, SearchResult]], encoder: Encoder, which: str, request: pytest.FixtureRequest
) -> None:
    folder, target, before = made
    hidden = folder.rename(folder.with_name("hidden"))
    try:
        with Collection.open(target) as collection:
            engine = SearchEngine(collection, encoder, request.getfixturevalue(which), fusion_weight=0.5)
            for query in QUERIES:
                found = engine.search(query, top_k=20)
                assert len(found.hits) == 20
                assert_same(found, before[which + query])
    finally:
        hidden.rename(folder)


def test_a_damaged_row_is_judged_by_its_picture(
    made: tuple[Path, Path, dict[str, SearchResult]], copied: Path, encoder: Encoder, bundled: EntailmentReranker
) -> None:
    path = copied / "tokens" / "00000001.fp16"
    data = bytearray(path.read_bytes())
    for row in (3, 11):
        data[row * 49 * 256 * 2 + 1001] ^= 0x40
    path.write_bytes(data)
    with Collection.open(copied) as collection:
        engine = SearchEngine(collection, encoder, bundled, fusion_weight=0.5)
        for query in QUERIES:
            assert_same(engine.search(query, top_k=20), made[2]["bundled" + query])


def test_without_tokens_and_without_picture_it_comes_last(
    made: tuple[Path, Path, dict[str, SearchResult]], copied: Path, encoder: Encoder, bundled: EntailmentReranker
) -> None:
    folder = made[0]
    path = copied / "tokens" / "00000001.fp16"
    path.write_bytes(b"\0" * 100)
    hidden = folder.rename(folder.with_name("hidden"))
    try:
        with Collection.open(copied) as collection:
            found = SearchEngine(collection, encoder, bundled).search(QUERIES[0])
            assert found.degraded == "20 of 20 candidates could not be read and come last"
            assert not found.reranked
    finally:
        hidden.rename(folder)


def test_the_tokens_of_one_reranker_are_never_shown_to_another(
    made: tuple[Path, Path, dict[str, SearchResult]], copied: Path, encoder: Encoder, bundled: EntailmentReranker
) -> None:
    """The bundled reranker's tokens are lost, the random one's are there: the pictures decide."""
    (copied / "tokens" / "00000001.fp16").unlink()
    with Collection.open(copied) as collection:
        found = SearchEngine(collection, encoder, bundled, fusion_weight=0.5).search(QUERIES[0], top_k=20)
        assert_same(found, made[2]["bundled" + QUERIES[0]])


def test_a_candidate_beyond_what_memory_allows_is_judged_by_its_picture(
    made: tuple[Path, Path, dict[str, SearchResult]],
    encoder: Encoder,
    bundled: EntailmentReranker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("retrieval.judging.MOST_TOKEN_BYTES", 7 * 49 * 256 * 2)
    with Collection.open(made[1]) as collection:
        found = SearchEngine(collection, encoder, bundled, fusion_weight=0.5).search(QUERIES[0], top_k=20)
        assert_same(found, made[2]["bundled" + QUERIES[0]])
