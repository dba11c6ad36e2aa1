from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from haystack import Document, Pipeline
from haystack.components.retrievers import InMemoryBM25Retriever
from haystack.core.errors import DeserializationError
from haystack.dataclasses import ByteStream
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.telemetry._telemetry import telemetry

from rerank import EntailmentReranker, InputError
from rerank.integrations.haystack import EntailmentRanker

QUERY = "blue denim jeans"


@pytest.fixture
def documents(pictures: dict[str, Path]) -> list[Document]:
    return [
        Document(content=caption, meta={"file_path": str(path), "shop": "Main Street"}, score=0.2)
        for caption, path in pictures.items()
    ]


@pytest.fixture
def bad(broken: Path) -> list[Document]:
    return [
        Document(content="broken", meta={"file_path": str(broken)}, score=0.9),
        Document(content="no key", meta={"title": "jeans"}, score=0.9),
        Document(content="URL", meta={"file_path": "https://example.com/jeans.jpg"}, score=0.9),
        Document(content="blob", blob=ByteStream(b"no picture"), score=0.9),
    ]


@pytest.fixture
def ranker(bundled: EntailmentReranker) -> EntailmentRanker:
    return EntailmentRanker(bundled)


def test_telemetry_is_off() -> None:
    assert telemetry is None


def test_documents_come_back_by_falling_entailment(ranker: EntailmentRanker, documents: list[Document]) -> None:
    ranked = ranker.run(query=QUERY, documents=documents)["documents"]
    assert ranked[0].content == QUERY
    assert ranked[0].id == documents[2].id
    scores = [document.score or 0 for document in ranked]
    assert scores == sorted(scores, reverse=True)
    first = ranked[0].meta
    assert ranked[0].score == first["entailment"] > 0.5
    assert first["entailment"] + first["neutral"] + first["contradiction"] == pytest.approx(1, abs=1e-4)
    assert (first["label"], first["retrieval_score"], first["shop"]) == ("entailment", 0.2, "Main Street")


def test_what_was_handed_in_is_left_alone(ranker: EntailmentRanker, documents: list[Document]) -> None:
    before = [Document.from_dict(document.to_dict()) for document in documents]
    ranker.run(query=QUERY, documents=documents)
    assert documents == before


@pytest.mark.parametrize("way", ["blob", "path", "file URL", "data URI"])
def test_an_image_may_be_given_in_many_ways(
    ranker: EntailmentRanker, pictures: dict[str, Path], encoded: dict[str, str], way: str
) -> None:
    documents = []
    for caption, path in pictures.items():
        if way == "blob":
            documents.append(Document(content=caption, blob=ByteStream.from_file_path(path)))
        else:
            uri = f"data:image/png;base64,{encoded[caption]}"
            value = {"path": str(path), "file URL": path.as_uri(), "data URI": uri}[way]
            documents.append(Document(content=caption, meta={"file_path": value}))
    ranked = ranker.run(query=QUERY, documents=documents)["documents"]
    assert ranked[0].content == QUERY
    assert all("error" not in document.meta for document in ranked)


def test_bad_documents_come_last_and_say_why(
    ranker: EntailmentRanker, documents: list[Document], bad: list[Document]
) -> None:
    ranked = ranker.run(query=QUERY, documents=[*bad, *documents])["documents"]
    assert ranked[0].content == QUERY
    assert [document.content for document in ranked[-4:]] == ["broken", "no key", "URL", "blob"]
    assert [document.score for document in ranked[-4:]] == [None] * 4
    broken, no_key, url, blob = (document.meta["error"] for document in ranked[-4:])
    assert "broken.jpg" in broken
    assert "'file_path'" in no_key
    assert "nothing is fetched" in url
    assert "not an image" in blob


def test_bad_documents_can_be_dropped(
    bundled: EntailmentReranker, documents: list[Document], bad: list[Document]
) -> None:
    ranker = EntailmentRanker(bundled, keep_unreadable=False)
    assert len(ranker.run(query=QUERY, documents=[*bad, *documents])["documents"]) == len(documents)


def test_top_k_of_the_run_comes_before_the_components(bundled: EntailmentReranker, documents: list[Document]) -> None:
    ranker = EntailmentRanker(bundled, top_k=1)
    assert len(ranker.run(query=QUERY, documents=documents)["documents"]) == 1
    assert len(ranker.run(query=QUERY, documents=documents, top_k=2)["documents"]) == 2


def test_min_entailment(bundled: EntailmentReranker, documents: list[Document]) -> None:
    ranked = EntailmentRanker(bundled, min_entailment=0.5).run(query=QUERY, documents=documents)["documents"]
    assert [document.content for document in ranked] == [QUERY]


def test_a_caption_is_judged_with_the_image(bundled: EntailmentReranker, pictures: dict[str, Path]) -> None:
    path = str(pictures["a green dotted mug"])
    document = Document(meta={"file_path": path, "alt": "a cup of coffee"})
    ranker = EntailmentRanker(bundled, caption_key="alt")
    (ranked,) = ranker.run(query="a hot drink", documents=[document])["documents"]
    expected = bundled.score([(path, "a hot drink", "a cup of coffee")])[0, 0]
    assert ranked.score == pytest.approx(expected, abs=1e-4)


def test_the_score_of_retrieval_can_be_fused(bundled: EntailmentReranker, documents: list[Document]) -> None:
    scored = [replace(document, score=number / 10) for number, document in enumerate(documents)]
    ranked = EntailmentRanker(bundled, fusion_weight=0.0).run(query=QUERY, documents=scored)["documents"]
    assert [document.meta["retrieval_score"] for document in ranked] == [0.4, 0.3, 0.2, 0.1, 0.0]


def test_the_model_is_loaded_by_warm_up(reference_dir: Path) -> None:
    ranker = EntailmentRanker(str(reference_dir))
    assert ranker._reranker is None
    ranker.warm_up()
    loaded = ranker._reranker
    ranker.warm_up()
    assert ranker._reranker is loaded is not None


@pytest.mark.parametrize("wrong", [{"top_k": 0}, {"min_entailment": 2}, {"fusion_weight": -1}])
def test_wrong_settings_are_refused_before_the_model_is_loaded(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        EntailmentRanker(**wrong)


def test_settings_survive_being_saved() -> None:
    settings = {
        "model": "bundled",
        "top_k": 3,
        "min_entailment": 0.2,
        "image_key": "picture",
        "caption_key": "alt",
        "fusion_weight": 0.8,
        "keep_unreadable": False,
        "device": "cpu",
        "precision": "fp32",
    }
    data = EntailmentRanker(**settings).to_dict()  # type: ignore[arg-type]
    assert data["init_parameters"] == settings
    assert EntailmentRanker.from_dict(data).to_dict() == data


def pipeline(reranker: EntailmentReranker) -> Pipeline:
    made = Pipeline()
    made.add_component("retriever", InMemoryBM25Retriever(InMemoryDocumentStore()))
    made.add_component("ranker", EntailmentRanker(reranker, top_k=3))
    made.connect("retriever.documents", "ranker.documents")
    return made


INPUTS = {"retriever": {"query": "blue denim jeans, red, yellow"}, "ranker": {"query": QUERY}}


def test_in_a_pipeline_that_was_saved(bundled: EntailmentReranker, documents: list[Document]) -> None:
    loaded = Pipeline.loads(pipeline(bundled).dumps(), allowed_modules=["rerank.integrations.haystack"])
    loaded.get_component("retriever").document_store.write_documents(documents)
    ranked = loaded.run(INPUTS)["ranker"]["documents"]
    assert len(ranked) == 3
    assert ranked[0].content == QUERY
    assert ranked[0].meta["label"] == "entailment"


def test_in_a_pipeline_async(bundled: EntailmentReranker, documents: list[Document]) -> None:
    made = pipeline(bundled)
    made.get_component("retriever").document_store.write_documents(documents)
    ranked = asyncio.run(made.run_async(INPUTS))["ranker"]["documents"]
    assert ranked[0].content == QUERY


def test_a_saved_pipeline_asks_for_permission(bundled: EntailmentReranker) -> None:
    with pytest.raises(DeserializationError, match=r"rerank\.integrations\.haystack"):
        Pipeline.loads(pipeline(bundled).dumps())
