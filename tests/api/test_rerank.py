"""The rerank routes over a fake judge: what is taken, what is refused, and how that is said."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.settings import Settings
from tests.api.conftest import assert_problem, running, wait_ready, wait_until
from tests.api.fakes import VERDICT, FakeEngine
from tests.api.rerank_requests import JPEG, PATHS, RED, encoded, post, reranked


@pytest.mark.parametrize("path", PATHS)
def test_the_contracts_shape(client: httpx.Client, shared_engine: FakeEngine, path: str) -> None:
    known = next(iter(shared_engine.collection.paths))
    documents = [{"image": RED}, {"image": "https://example.org/a.jpg"}, {"id": known}]
    answer = post(client, {"query": "a red field", "documents": documents, "top_n": 5}, path).json()
    assert list(answer) == ["id", "model", "results", "errors", "degraded", "usage", "meta"]
    assert answer["model"] == "fake"
    assert answer["degraded"] is None
    assert [result["index"] for result in answer["results"]] == [0, 2]
    result = answer["results"][0]
    assert list(result) == ["index", "relevance_score", "entailment"]
    assert list(result["entailment"]) == ["entailment", "neutral", "contradiction", "label"]
    assert result["relevance_score"] == result["entailment"]["entailment"] == pytest.approx(VERDICT[0])
    assert result["entailment"]["label"] == "entailment"
    assert [error["index"] for error in answer["errors"]] == [1]
    assert "fetches no URLs" in answer["errors"][0]["detail"]
    assert answer["usage"] == {"total_tokens": 0, "images": 2}
    assert answer["meta"]["api_version"]["version"] == ("2" if path == "/v2/rerank" else "1")
    assert answer["meta"]["billed_units"] == {"search_units": 1}


@pytest.mark.parametrize(
    "documents",
    [
        ["Carson City is the capital city of Nevada.", {"text": "Washington is the capital of the United States."}],
        ["https://example.org/a.jpg", "http://example.org/b.jpg"],
        [{"text": RED}],
    ],
)
def test_nothing_but_words_is_refused_with_what_to_send(client: httpx.Client, documents: list[Any]) -> None:
    response = post(client, {"query": "a", "documents": documents})
    assert_problem(response, 422, '{"image": "data:image/')
    assert [error["field"] for error in response.json()["errors"]] == ["documents"]


@pytest.mark.parametrize(
    "query", ["https://example.org/a.jpg", RED, JPEG, "img_" + "0" * 20, {"image": RED}, {"text": RED}, " " + RED]
)
def test_a_picture_for_a_query_is_refused(client: httpx.Client, query: Any) -> None:
    response = post(client, {"query": query, "documents": [RED]})
    assert_problem(response, 422, "must be words")
    assert [error["field"] for error in response.json()["errors"]] == ["query"]
    assert len(response.text) < 1000


@pytest.mark.parametrize(
    "query", ["data: the new oil", "see https://example.org", {"text": "a red field"}, "红色 ☂", "a"]
)
def test_words_for_a_query(client: httpx.Client, query: Any) -> None:
    assert post(client, {"query": query, "documents": [RED]}).status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"query": " "}, "query"),
        ({"query": None}, "query"),
        ({"query": "\ud800"}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": None}, "documents"),
        ({"documents": RED}, "documents"),
        ({"documents": {"image": RED}}, "documents"),
        ({"texts": [RED]}, "texts"),
        ({"documents": None, "texts": []}, "texts"),
        ({"top_n": 0}, "top_n"),
        ({"top_n": "many"}, "top_n"),
        ({"return_documents": "perhaps"}, "return_documents"),
        ({"deadline_ms": 0}, "deadline_ms"),
        ({"deadline_ms": math.nan}, "deadline_ms"),
        ({"topn": 3}, "topn"),
    ],
)
def test_a_wrong_field_is_named(client: httpx.Client, change: dict[str, Any], field: str) -> None:
    response = post(client, {"query": "a", "documents": [RED]} | change)
    assert_problem(response, 422, field)
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_what_other_services_take_is_taken(client: httpx.Client) -> None:
    cohere = {"model": "rerank-v3.5", "max_chunks_per_doc": 10, "rank_fields": ["image"], "return_documents": None}
    newer = {"max_tokens_per_doc": 4096, "priority": 0, "relevant_spans": {"mode": "enabled"}, "top_n": "1"}
    assert len(reranked(client, [RED, RED], **cohere, **newer)["results"]) == 1


def test_top_n_counts_results_not_errors(client: httpx.Client) -> None:
    documents = [RED, {"image": "x.jpg"}, RED, {"image": f"data:image/png;base64,{encoded(b'GIF89a')}"}]
    for top_n, indices in ((1, [0]), (2, [0, 2]), (10**12, [0, 2])):
        answer = reranked(client, documents, top_n=top_n)
        assert [result["index"] for result in answer["results"]] == indices
        assert [error["index"] for error in answer["errors"]] == [1, 3]
        assert answer["usage"]["images"] == 2


def test_what_the_deadline_left_out_is_named(engine: FakeEngine) -> None:
    assert engine.reranker is not None
    engine.reranker.late = 2
    with running(create_app(Settings(), open_engine=lambda: engine)) as url, httpx.Client(base_url=url) as client:
        wait_ready(url)
        answer = reranked(client, [RED] * 3, deadline_ms=60_000)
        late = post(client, {"query": "a", "texts": [RED] * 3}).json()
    assert [result["index"] for result in answer["results"]] == [0]
    assert answer["errors"] == [{"index": index, "detail": "not judged before the deadline"} for index in (1, 2)]
    assert "2 of 3" in answer["degraded"]
    # What the request waited for its turn is off the time that it was given.
    assert engine.reranker.deadlines[0] is not None
    assert 0.0 < engine.reranker.deadlines[0] <= 60_000
    assert [rank["index"] for rank in late] == [0, 1, 2]
    assert "deadline" in late[2]["error"]


def test_tei_answers_with_an_array(client: httpx.Client) -> None:
    texts = ["words", RED, JPEG, "\ud800"]
    ranks = post(client, {"query": "a", "texts": texts, "truncate": True, "truncation_direction": "Left"}).json()
    assert [rank["index"] for rank in ranks] == [1, 2, 0, 3]
    assert ranks[0] == {"index": 1, "score": pytest.approx(VERDICT[0])}
    assert ranks[2]["score"] == 0.0
    assert "only pictures" in ranks[2]["error"]
    raw = post(client, {"query": "a", "texts": texts, "raw_scores": True, "return_text": True}, "/rerank").json()
    assert raw[0] == {"index": 1, "score": pytest.approx(math.log(0.7 / 0.3)), "text": RED}
    assert [rank["text"] for rank in raw] == [RED, JPEG, "words", "?"]


@pytest.mark.parametrize("path", PATHS)
def test_what_is_not_json(client: httpx.Client, path: str) -> None:
    for content in (b"{", b"", b"[" * 100_000, b"\xff"):
        response = client.post(path, content=content, headers={"Content-Type": "application/json"})
        assert response.status_code in (400, 422)
        assert_problem(response, response.status_code)
    assert_problem(client.post(path, data={"query": "a"}), 415, "application/json")


@pytest.mark.parametrize("path", PATHS)
def test_limits_and_keys(engine: FakeEngine, path: str) -> None:
    settings = Settings.load(max_documents=3, max_body_bytes=64 * 1024, api_keys=("secret",))
    with running(create_app(settings, open_engine=lambda: engine)) as url, httpx.Client(base_url=url) as client:
        wait_ready(url)
        assert_problem(post(client, {"query": "a", "documents": [RED]}, path), 401)
        client.headers["Authorization"] = "Bearer secret"
        assert post(client, {"query": "a", "documents": [RED] * 3}, path).status_code == 200
        for field in ("documents", "texts"):
            response = post(client, {"query": "a", field: [RED] * 4}, path)
            assert_problem(response, 422, "4 documents, more than 3")
            assert response.json()["errors"][0]["field"] == field
        assert_problem(post(client, {"query": "a", "documents": ["a" * 70_000]}, path), 413)


def test_a_full_queue_and_no_model(engine: FakeEngine) -> None:
    body = {"query": "a", "documents": [RED]}
    app = create_app(Settings(max_queue=1), open_engine=lambda: engine)
    with running(app) as url, httpx.Client(base_url=url, timeout=60) as client, ThreadPoolExecutor(2) as threads:
        wait_ready(url)
        first = threads.submit(client.get, "/v1/search?q=slow")
        wait_until(lambda: "slow" in engine.searches)
        second = threads.submit(post, client, body)
        wait_until(lambda: app.state.service.worker.depth == 1)
        refused = post(client, body)
        engine.gate.set()
        assert_problem(refused, 429, "try again")
        assert int(refused.headers["retry-after"]) >= 1
        assert [answer.result(30).status_code for answer in (first, second)] == [200, 200]
        engine.reranker = None
        response = post(client, body)
        assert_problem(response, 503, "--reranker")
        assert int(response.headers["retry-after"]) > 0


def test_every_status_and_shape_is_described(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    for path in PATHS:
        operation = document["paths"][path]["post"]
        statuses = {"200", "400", "401", "403", "408", "413", "415", "421", "422", "429", "503"}
        assert set(operation["responses"]) == statuses
        assert len(operation["requestBody"]["content"]["application/json"]["examples"]) == 4
