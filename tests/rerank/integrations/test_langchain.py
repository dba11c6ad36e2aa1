from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore
from pydantic import ValidationError

from rerank import EntailmentReranker
from rerank.integrations.langchain import EntailmentCompressor

QUERY = "blue denim jeans"


@pytest.fixture
def documents(pictures: dict[str, Path]) -> list[Document]:
    return [
        Document(id=str(number), page_content=caption, metadata={"source": str(path), "shop": "Main Street"})
        for number, (caption, path) in enumerate(pictures.items())
    ]


@pytest.fixture
def bad(broken: Path) -> list[Document]:
    return [
        Document(page_content="broken", metadata={"source": str(broken)}),
        Document(page_content="no key", metadata={"title": "jeans"}),
        Document(page_content="URL", metadata={"source": "https://example.com/jeans.jpg"}),
    ]


def test_documents_come_back_by_falling_entailment(bundled: EntailmentReranker, documents: list[Document]) -> None:
    ranked = EntailmentCompressor(bundled).compress_documents(documents, QUERY)
    assert ranked[0].page_content == QUERY
    scores = [document.metadata["relevance_score"] for document in ranked]
    assert scores == sorted(scores, reverse=True)
    first = ranked[0].metadata
    assert first["relevance_score"] == first["entailment"] > 0.5
    assert first["entailment"] + first["neutral"] + first["contradiction"] == pytest.approx(1, abs=1e-4)
    assert first["label"] == "entailment"
    assert first["shop"] == "Main Street"
    assert ranked[0].id == documents[2].id


def test_what_was_handed_in_is_left_alone(bundled: EntailmentReranker, documents: list[Document]) -> None:
    before = [document.model_copy(deep=True) for document in documents]
    EntailmentCompressor(bundled).compress_documents(documents, QUERY)
    assert documents == before


@pytest.mark.parametrize("way", ["path", "bytes", "file URL", "data URI", "base64"])
def test_an_image_may_be_given_in_many_ways(
    bundled: EntailmentReranker, pictures: dict[str, Path], encoded: dict[str, str], way: str
) -> None:
    values: dict[str, Any] = {}
    for caption, path in pictures.items():
        values[caption] = {
            "path": path,
            "bytes": path.read_bytes(),
            "file URL": path.as_uri(),
            "data URI": f"data:image/png;base64,{encoded[caption]}",
            "base64": encoded[caption],
        }[way]
    documents = [Document(page_content=caption, metadata={"image": value}) for caption, value in values.items()]
    ranked = EntailmentCompressor(bundled, image_key="image").compress_documents(documents, QUERY)
    assert ranked[0].page_content == QUERY
    assert all("error" not in document.metadata for document in ranked)


def test_the_content_may_be_the_image(bundled: EntailmentReranker, encoded: dict[str, str]) -> None:
    """As multimodal vector stores keep it."""
    documents = [Document(page_content=image) for image in encoded.values()]
    ranked = EntailmentCompressor(bundled, image_key=None).compress_documents(documents, QUERY)
    assert ranked[0].page_content == encoded[QUERY]


def test_bad_documents_come_last_and_say_why(
    bundled: EntailmentReranker, documents: list[Document], bad: list[Document]
) -> None:
    ranked = EntailmentCompressor(bundled).compress_documents([*bad, *documents], QUERY)
    assert ranked[0].page_content == QUERY
    assert [document.page_content for document in ranked[-3:]] == ["broken", "no key", "URL"]
    broken, no_key, url = (document.metadata for document in ranked[-3:])
    assert "broken.jpg" in broken["error"]
    assert "'source'" in no_key["error"]
    assert "nothing is fetched" in url["error"]
    assert not any("relevance_score" in metadata for metadata in (broken, no_key, url))


def test_bad_documents_can_be_dropped(
    bundled: EntailmentReranker, documents: list[Document], bad: list[Document]
) -> None:
    compressor = EntailmentCompressor(bundled, keep_unreadable=False)
    assert len(compressor.compress_documents([*bad, *documents], QUERY)) == len(documents)
    assert compressor.compress_documents(bad, QUERY) == []


def test_top_n_and_min_entailment(bundled: EntailmentReranker, documents: list[Document]) -> None:
    assert len(EntailmentCompressor(bundled, top_n=2).compress_documents(documents, QUERY)) == 2
    sure = EntailmentCompressor(bundled, min_entailment=0.5).compress_documents(documents, QUERY)
    assert [document.page_content for document in sure] == [QUERY]


def test_a_caption_is_judged_with_the_image(bundled: EntailmentReranker, pictures: dict[str, Path]) -> None:
    path = str(pictures["a green dotted mug"])
    document = Document(page_content="", metadata={"source": path, "alt": "a cup of coffee"})
    (ranked,) = EntailmentCompressor(bundled, caption_key="alt").compress_documents([document], "a hot drink")
    expected = bundled.score([(path, "a hot drink", "a cup of coffee")])[0, 0]
    assert ranked.metadata["entailment"] == pytest.approx(expected, abs=1e-4)


def test_similarity_can_be_fused(bundled: EntailmentReranker, documents: list[Document]) -> None:
    for number, document in enumerate(documents):
        document.metadata["cosine"] = number / 10
    compressor = EntailmentCompressor(bundled, similarity_key="cosine", fusion_weight=0.0)
    ranked = compressor.compress_documents(documents, QUERY)
    assert [document.metadata["cosine"] for document in ranked] == [0.4, 0.3, 0.2, 0.1, 0.0]


def test_the_model_can_be_named(documents: list[Document]) -> None:
    compressor = EntailmentCompressor()
    assert compressor.model == "bundled"
    assert compressor.compress_documents(documents, QUERY)[0].page_content == QUERY


@pytest.mark.parametrize("wrong", [{"top_n": 0}, {"min_entailment": 2}, {"topn": 3}])
def test_wrong_settings_are_refused(bundled: EntailmentReranker, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        EntailmentCompressor(bundled, **wrong)


def chain(compressor: EntailmentCompressor, documents: list[Document]) -> Runnable[str, list[Document]]:
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    store.add_documents(documents)
    found = {"query": RunnablePassthrough(), "documents": store.as_retriever(search_kwargs={"k": len(documents)})}
    return found | RunnableLambda(
        lambda these: compressor.compress_documents(**these), lambda these: compressor.acompress_documents(**these)
    )


def test_behind_a_retriever(bundled: EntailmentReranker, documents: list[Document]) -> None:
    ranked = chain(EntailmentCompressor(bundled, top_n=3), documents).invoke(QUERY)
    assert len(ranked) == 3
    assert ranked[0].page_content == QUERY


def test_behind_a_retriever_async(bundled: EntailmentReranker, documents: list[Document]) -> None:
    compressor = EntailmentCompressor(bundled)
    ranked = asyncio.run(chain(compressor, documents).ainvoke(QUERY))
    assert [document.id for document in ranked] == [
        document.id for document in compressor.compress_documents(documents, QUERY)
    ]
