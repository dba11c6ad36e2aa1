"""Other services' clients and documented examples against the bundled models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cohere
import httpx
import pytest

from api.app import create_app
from api.settings import Settings
from tests.api.conftest import assert_problem, running, wait_ready
from tests.api.rerank_requests import PATHS, encoded, post

QUERY = "blue denim jeans"
# The examples of Jina's and TEI's documentation.
JINA_PICTURES: dict[str, Any] = {
    "model": "jina-reranker-m0",
    "query": "small language model data extraction",
    "documents": [
        {"image": "https://raw.githubusercontent.com/jina-ai/multimodal-reranker-test/main/handelsblatt-preview.png"},
        {"image": "https://raw.githubusercontent.com/jina-ai/multimodal-reranker-test/main/paper-11.png"},
        {"text": "We present ReaderLM-v2, a compact 1.5 billion parameter language model"},
    ],
    "return_documents": False,
}
JINA_WORDS: dict[str, Any] = {
    "model": "jina-reranker-v2-base-multilingual",
    "query": "Organic skincare products for sensitive skin",
    "top_n": 3,
    "documents": ["Organic skincare for sensitive skin with aloe vera and chamomile", "New makeup trends"],
}
TEI_WORDS: dict[str, Any] = {
    "query": "What is Deep Learning?",
    "texts": ["Deep Learning is not...", "Deep learning is..."],
    "raw_scores": False,
}


@pytest.fixture(scope="module")
def uris(photos: Path) -> list[str]:
    """The drawn photos as data URIs, in the order of their names."""
    return [f"data:image/jpeg;base64,{encoded(path.read_bytes())}" for path in sorted(photos.iterdir())]


@pytest.fixture(scope="module")
def jeans(photos: Path) -> set[int]:
    """Which of them show what the query says."""
    return {index for index, path in enumerate(sorted(photos.iterdir())) if "blue_denim_jeans" in path.name}


@pytest.fixture(scope="module")
def http(service: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service, timeout=120) as client:
        yield client


@pytest.fixture(scope="module")
def locked(collection: Path) -> Iterator[str]:
    """The URL of a service that wants a key."""
    settings = Settings.load(collection=collection, api_keys=("secret",))
    with running(create_app(settings)) as url:
        wait_ready(url)
        yield url


def test_the_cohere_client(service: str, uris: list[str], jeans: set[int]) -> None:
    with cohere.Client(api_key="any", base_url=service) as client:
        documents = [{"image": uri, "sku": str(index)} for index, uri in enumerate(uris)]
        answer = client.rerank(query=QUERY, documents=documents, model="rerank-v3.5", top_n=4, return_documents=True)
        assert {result.index for result in answer.results} == jeans
        scores = [result.relevance_score for result in answer.results]
        assert scores == sorted(scores, reverse=True)
        assert scores[-1] > 0.5
        assert answer.id
        assert answer.meta is not None
        assert answer.meta.api_version is not None
        assert answer.meta.api_version.version == "1"
        assert answer.meta.billed_units is not None
        assert answer.meta.billed_units.search_units == 1
        assert [result.document.sku for result in answer.results] == [str(one.index) for one in answer.results]
        strings = client.rerank(query=QUERY, documents=uris, rank_fields=["image"], max_chunks_per_doc=5)
        assert [one.index for one in strings.results][:4] == [one.index for one in answer.results]
        assert len(strings.results) == len(uris)


def test_the_cohere_client_of_version_2(service: str, uris: list[str], jeans: set[int]) -> None:
    with cohere.ClientV2(api_key="any", base_url=service) as client:
        documents = [*uris, "words", "data:image/png;base64,@@@@", "https://example.org/a.jpg"]
        answer = client.rerank(model="rerank-v4.0-pro", query=QUERY, documents=documents, top_n=4, priority=1)
        assert {result.index for result in answer.results} == jeans
        assert answer.meta is not None
        assert answer.meta.api_version is not None
        assert answer.meta.api_version.version == "2"
        # What Cohere's own service does not send comes through as extra fields.
        assert [error["index"] for error in answer.errors] == [len(uris), len(uris) + 1, len(uris) + 2]
        assert answer.results[0].entailment["label"] == "entailment"


def test_the_cohere_client_raises_what_the_service_says(service: str, uris: list[str]) -> None:
    with cohere.ClientV2(api_key="any", base_url=service) as client:
        with pytest.raises(cohere.UnprocessableEntityError) as refused:
            client.rerank(model="m", query="What is the capital?", documents=["Carson City is the capital of Nevada."])
        assert "only pictures" in refused.value.body["detail"]
        with pytest.raises(cohere.UnprocessableEntityError) as refused:
            client.rerank(model="m", query=uris[0], documents=uris)
        assert refused.value.body["errors"][0]["field"] == "query"


def test_the_cohere_clients_key(uris: list[str], locked: str) -> None:
    with cohere.ClientV2(api_key="secret", base_url=locked) as client:
        assert len(client.rerank(model="m", query=QUERY, documents=uris[:1]).results) == 1
    with cohere.ClientV2(api_key="wrong", base_url=locked) as client, pytest.raises(cohere.UnauthorizedError):
        client.rerank(model="m", query=QUERY, documents=uris[:1])


def test_all_paths_and_forms_agree(http: httpx.Client, uris: list[str], photos: Path) -> None:
    hits = http.get("/v1/search", params={"q": QUERY, "top_k": 100}).json()["hits"]
    ids = {Path(hit["path"]).name: hit["id"] for hit in hits}
    names = [path.name for path in sorted(photos.iterdir())]
    forms = [uris, [{"image": uri} for uri in uris], [{"id": ids[name]} for name in names]]
    answers = []
    for path, documents in zip(PATHS, forms, strict=True):
        answer = post(http, {"query": QUERY, "documents": documents}, path).json()
        assert answer["errors"] == []
        answers.append(answer["results"])
    scored = {hit["id"]: hit["entailment"] for hit in hits if hit["entailment"] is not None}
    for several in zip(*answers, strict=True):
        assert len({result["index"] for result in several}) == 1
        expected = scored[ids[names[several[0]["index"]]]]
        # In bf16 batches of other sizes round otherwise, and tokens that the collection keeps are float16.
        assert [result["relevance_score"] for result in several] == pytest.approx([expected] * 3, abs=2e-3)


def test_jinas_examples(http: httpx.Client, uris: list[str], jeans: set[int]) -> None:
    answer = post(http, JINA_PICTURES).json()
    assert answer["results"] == []
    assert ["fetches no URLs" in error["detail"] for error in answer["errors"]] == [True, True, False]
    assert "only pictures" in answer["errors"][2]["detail"]
    assert_problem(post(http, JINA_WORDS), 422, "only pictures")

    pictures = [{"image": uris[0]}, {"image": uris[min(jeans)].partition(",")[2]}, JINA_PICTURES["documents"][2]]
    sent = JINA_PICTURES | {"query": QUERY, "documents": pictures, "top_n": 2}
    answer = post(http, sent).json()
    assert set(answer) >= {"model", "usage", "results"}
    assert isinstance(answer["usage"]["total_tokens"], int)
    assert answer["results"][0]["index"] == 1
    assert len(answer["results"]) == 2
    assert "document" not in answer["results"][0]
    assert [error["index"] for error in answer["errors"]] == [2]


def test_teis_examples(http: httpx.Client, uris: list[str], jeans: set[int]) -> None:
    response = post(http, TEI_WORDS, "/rerank")
    assert_problem(response, 422, "only pictures")
    assert [error["field"] for error in response.json()["errors"]] == ["texts"]
    ranks = post(http, TEI_WORDS | {"query": QUERY, "texts": uris}, "/rerank").json()
    assert {rank["index"] for rank in ranks[: len(jeans)]} == jeans
    assert sorted(rank["index"] for rank in ranks) == list(range(len(uris)))
    assert all(set(rank) == {"index", "score"} and 0.0 <= rank["score"] <= 1.0 for rank in ranks)


def test_a_deadline_that_is_too_short(http: httpx.Client, uris: list[str]) -> None:
    answer = post(http, {"query": "a deadline", "documents": uris, "deadline_ms": 0.001}).json()
    assert answer["results"] == []
    assert {error["detail"] for error in answer["errors"]} == {"not judged before the deadline"}
    assert f"{len(uris)} of {len(uris)}" in answer["degraded"]


def test_words_of_any_script(http: httpx.Client, uris: list[str]) -> None:
    for query in ("蓝色牛仔裤", "джинсы 👖", "a" * 2000, "!!!"):
        answer = post(http, {"query": query, "documents": [{"image": uris[0], "caption": "👖" * 3000}]}).json()
        assert answer["errors"] == []
        assert sum(answer["results"][0]["entailment"][name] for name in ("entailment", "neutral", "contradiction")) == (
            pytest.approx(1.0)
        )
