"""SearchEngine over a small collection of colours, with the random reference model as reranker."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from indexer import build_collection
from rerank import EntailmentReranker
from rerank.errors import InputError
from retrieval.collection import Collection
from retrieval.engine import SearchEngine
from retrieval.errors import EncoderMismatch
from tests.fakes import COLOURS, ColourEncoder

REFERENCE = Path(__file__).parent.parent / "data" / "ofa-reference"


@pytest.fixture(scope="module")
def reranker() -> EntailmentReranker:
    return EntailmentReranker.from_pretrained(str(REFERENCE), precision="fp32")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (48, 32), colour).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def engine(tmp_path: Path, pictures: Path, reranker: EntailmentReranker) -> Iterator[SearchEngine]:
    encoder = ColourEncoder()
    build_collection([pictures], tmp_path / "c", encoder=encoder)
    with Collection.open(tmp_path / "c") as collection:
        yield SearchEngine(collection, encoder, reranker)


def names(result: object) -> list[str]:
    return [Path(hit.path).stem for hit in result.hits]  # type: ignore[attr-defined]


def test_without_reranking_hits_are_ordered_by_similarity(engine: SearchEngine) -> None:
    result = engine.search("red", top_k=3, rerank=False)
    assert names(result)[0] == "red"
    similarities = [hit.similarity for hit in result.hits]
    assert similarities == sorted(similarities, reverse=True)
    assert [hit.score for hit in result.hits] == similarities
    assert not result.reranked
    assert {hit.label for hit in result.hits} == {None}


def test_reranked_hits_are_ordered_by_entailment_and_carry_both(engine: SearchEngine) -> None:
    result = engine.search("red", top_k=8)
    entailments = [hit.entailment for hit in result.hits]
    assert entailments == sorted(entailments, key=lambda one: -(one or 0))
    for hit in result.hits:
        assert hit.entailment is not None
        assert hit.neutral is not None
        assert hit.contradiction is not None
        assert hit.entailment + hit.neutral + hit.contradiction == pytest.approx(1, abs=1e-5)
        assert hit.score == hit.entailment
        assert (hit.width, hit.height) == (48, 32)
    assert result.reranked
    assert result.degraded is None
    took = result.took_ms
    assert took.total == pytest.approx(took.encode + took.retrieve + took.rerank, abs=0.01)


def test_only_the_candidates_are_judged(engine: SearchEngine) -> None:
    plain = names(engine.search("red", top_k=3, rerank=False))
    assert sorted(names(engine.search("red", top_k=3, candidates=3))) == sorted(plain)
    assert len(engine.search("red", top_k=5, candidates=1).hits) == 5


def test_fusion_weight_moves_from_entailment_to_similarity(engine: SearchEngine) -> None:
    fused, plain = engine.search("red", fusion_weight=0.0), engine.search("red", rerank=False)
    assert [hit.id for hit in fused.hits] == [hit.id for hit in plain.hits]
    half = engine.search("red", fusion_weight=0.5).hits
    # The weighted geometric mean of the entailment and of e^(scale · how far behind the most similar).
    best = max(hit.similarity for hit in half)
    for hit in half:
        likelihood = math.exp(engine.encoder.similarity_scale * (hit.similarity - best))
        assert hit.score == pytest.approx(math.sqrt((hit.entailment or 0.0) * likelihood), rel=1e-4)


def test_min_entailment_leaves_out_what_is_below(engine: SearchEngine) -> None:
    every = engine.search("red").hits
    middle = sorted(hit.entailment or 0 for hit in every)[4]
    kept = engine.search("red", min_entailment=middle).hits
    assert len(kept) == 4
    assert all((hit.entailment or 0) >= middle for hit in kept)


def test_a_picture_that_is_gone_comes_last_and_is_said(engine: SearchEngine, pictures: Path) -> None:
    (pictures / "red.png").unlink()
    result = engine.search("red")
    assert names(result)[-1] == "red"
    assert result.hits[-1].entailment is None
    assert result.degraded == "1 of 8 candidates could not be read and come last"


def test_another_encoder_is_refused(tmp_path: Path, engine: SearchEngine) -> None:
    with pytest.raises(EncoderMismatch, match=r"built with the encoder 'colours'.*veralens reembed"):
        SearchEngine(engine.collection, ColourEncoder(fingerprint="colours-2"), None)


@pytest.mark.parametrize(
    ("query", "options", "message"),
    [
        ("  ", {}, "query is empty"),
        ("x" * 3000, {}, "3000 characters"),
        ("red", {"top_k": 0}, "top_k must be between 1"),
        ("red", {"candidates": 10**9}, "candidates must be between"),
        ("red", {"min_entailment": 2.0}, "min_entailment must be between 0 and 1"),
        ("red", {"fusion_weight": float("nan")}, "fusion_weight must be between 0 and 1"),
    ],
)
def test_wrong_arguments_are_named(engine: SearchEngine, query: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        engine.search(query, **options)  # type: ignore[arg-type]
