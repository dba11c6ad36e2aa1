from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from rerankers import Document, Reranker

from rerank import EntailmentReranker, ImageError, InputError
from rerank.integrations.rerankers import EntailmentRanker

QUERY = "blue denim jeans"


@pytest.fixture
def documents(pictures: dict[str, Path]) -> list[Document]:
    return [
        Document(document_type="image", image_path=str(path), doc_id=caption, metadata={"shop": "Main Street"})
        for caption, path in pictures.items()
    ]


@pytest.fixture
def bad(broken: Path) -> list[Document]:
    return [
        Document(document_type="image", image_path=str(broken), doc_id="broken"),
        Document(document_type="image", image_path="https://example.com/jeans.jpg", doc_id="URL"),
        Document(document_type="image", base64="not base64!", doc_id="base64"),
        Document(document_type="image", doc_id="empty"),
        Document("blue denim jeans", doc_id="text"),
    ]


def test_it_is_loaded_as_every_reranker_is(pictures: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    ranker = Reranker("bundled", model_type="EntailmentRanker", verbose=0)
    assert isinstance(ranker, EntailmentRanker)
    results = ranker.rank(QUERY, [str(path) for path in pictures.values()])
    assert results.top_k(1)[0].doc_id == 2
    assert capsys.readouterr().out == ""


def test_documents_come_back_by_falling_entailment(bundled: EntailmentReranker, documents: list[Document]) -> None:
    results = EntailmentRanker(bundled).rank(QUERY, documents)
    assert results.query == QUERY
    assert results[0].doc_id == QUERY
    assert [result.rank for result in results] == [1, 2, 3, 4, 5]
    scores = [result.score for result in results]
    assert scores == sorted(scores, reverse=True)
    first = results[0]
    assert first.score == first.entailment > 0.5
    assert first.entailment + first.neutral + first.contradiction == pytest.approx(1, abs=1e-4)
    assert (first.label, first.shop) == ("entailment", "Main Street")
    assert results.get_score_by_docid(QUERY) == first.score


def test_what_was_handed_in_is_left_alone(bundled: EntailmentReranker, documents: list[Document]) -> None:
    EntailmentRanker(bundled).rank(QUERY, documents, doc_ids=list(range(5)))
    assert documents[2].doc_id == QUERY
    assert documents[2].metadata == {"shop": "Main Street"}


@pytest.mark.parametrize("way", ["path", "file URL", "data URI", "base64", "document", "base64 document"])
def test_an_image_may_be_given_in_many_ways(
    bundled: EntailmentReranker, pictures: dict[str, Path], encoded: dict[str, str], way: str
) -> None:
    docs: list[Any] = []
    for caption, path in pictures.items():
        made = {
            "path": str(path),
            "file URL": path.as_uri(),
            "data URI": f"data:image/png;base64,{encoded[caption]}",
            "base64": encoded[caption],
            "document": Document(document_type="image", image_path=str(path)),
            "base64 document": Document(document_type="image", base64=encoded[caption]),
        }[way]
        docs.append(made)
    results = EntailmentRanker(bundled).rank(QUERY, docs, doc_ids=list(pictures))
    assert results[0].doc_id == QUERY
    assert all("error" not in result.metadata for result in results)


def test_bad_documents_come_last_and_say_why(
    bundled: EntailmentReranker, documents: list[Document], bad: list[Document]
) -> None:
    results = EntailmentRanker(bundled).rank(QUERY, [*bad, *documents])
    assert results[0].doc_id == QUERY
    assert [result.doc_id for result in results[-5:]] == ["broken", "URL", "base64", "empty", "text"]
    assert [result.score for result in results[-5:]] == [None] * 5
    assert results.top_k(1)[0].doc_id == QUERY
    broken, url, base64, empty, text = (result.error for result in results[-5:])
    assert "broken.jpg" in broken
    assert "nothing is fetched" in url
    assert "is not base64" in base64
    assert "holds no image" in empty
    assert 'document_type="image"' in text


def test_bad_documents_can_be_dropped(
    bundled: EntailmentReranker, documents: list[Document], bad: list[Document]
) -> None:
    results = EntailmentRanker(bundled, keep_unreadable=False).rank(QUERY, [*bad, *documents])
    assert results.results_count() == len(documents)


def test_min_entailment(bundled: EntailmentReranker, documents: list[Document]) -> None:
    results = EntailmentRanker(bundled, min_entailment=0.5).rank(QUERY, documents)
    assert [result.doc_id for result in results] == [QUERY]


def test_ids_and_metadata_may_come_beside_the_documents(bundled: EntailmentReranker, pictures: dict[str, Path]) -> None:
    paths = [str(path) for path in pictures.values()]
    captions = [{"alt": caption} for caption in pictures]
    results = EntailmentRanker(bundled).rank(QUERY, paths, doc_ids=list("abcde"), metadata=captions)
    assert (results[0].doc_id, results[0].alt) == ("c", QUERY)
    assert captions[2] == {"alt": QUERY}
    with pytest.raises(InputError, match="doc_ids has 1 entries for 5 documents"):
        EntailmentRanker(bundled).rank(QUERY, paths, doc_ids=["a"])


def test_a_caption_is_judged_with_the_image(bundled: EntailmentReranker, pictures: dict[str, Path]) -> None:
    path = str(pictures["a green dotted mug"])
    results = EntailmentRanker(bundled, caption_key="alt").rank("a hot drink", path, metadata=[{"alt": "coffee"}])
    assert results[0].score == pytest.approx(bundled.score([(path, "a hot drink", "coffee")])[0, 0], abs=1e-4)


def test_one_document_is_scored(bundled: EntailmentReranker, documents: list[Document], broken: Path) -> None:
    ranker = EntailmentRanker(bundled)
    score = ranker.score(QUERY, documents[2])
    assert score == pytest.approx(ranker.rank(QUERY, documents)[0].score, abs=1e-4)
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        ranker.score(QUERY, str(broken))


def test_async(bundled: EntailmentReranker, documents: list[Document]) -> None:
    ranker = EntailmentRanker(bundled)
    results = asyncio.run(ranker.rank_async(QUERY, documents))
    assert [result.doc_id for result in results] == [result.doc_id for result in ranker.rank(QUERY, documents)]
