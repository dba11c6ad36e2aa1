from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from rerank.errors import ModelInvalid
from retrieval.errors import CollectionDamaged
from tests.api.conftest import assert_problem
from tests.api.fakes import FakeEngine


def test_an_unknown_path(client: httpx.Client) -> None:
    assert_problem(client.get("/v1/nothing"), 404, "/v1/nothing")


def test_a_wrong_method_names_the_right_ones(client: httpx.Client) -> None:
    response = client.put("/v1/search")
    assert_problem(response, 405, "GET, POST")
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize("body", [b'{"query": "a', b"\xff\xfe", b"", b"[" * 100_000, b'{"query": NaN' * 3])
def test_a_body_that_is_not_json(client: httpx.Client, body: bytes) -> None:
    response = client.post("/v1/search", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
    assert_problem(response, response.status_code)


def test_a_body_of_another_kind(client: httpx.Client) -> None:
    assert_problem(client.post("/v1/search", content=b"q=a"), 415, "application/json")
    assert_problem(client.post("/v1/search", data={"query": "a"}), 415, "application/json")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"query": ""}, "query"),
        ({"query": "  "}, "query"),
        ({"query": None}, "query"),
        ({"query": ["a"]}, "query"),
        ({"query": "a" * 2001}, "query"),
        ({"query": "\ud800"}, "query"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": 10**30}, "top_k"),
        ({"candidates": -1}, "candidates"),
        ({"candidates": 1.5}, "candidates"),
        ({"rerank": "perhaps"}, "rerank"),
        ({"min_entailment": 1.01}, "min_entailment"),
        ({"min_entailment": float("nan")}, "min_entailment"),
        ({"fusion_weight": float("inf")}, "fusion_weight"),
        ({"deadline_ms": 0}, "deadline_ms"),
        ({"filter": "colour = red"}, "filter"),
        ({"filter": ""}, "filter"),
        ({"filter": "a" * 2000}, "filter"),
        ({"negative": " "}, "negative"),
        ({"image_weight": 2}, "image_weight"),
        ({"group_duplicates": "some"}, "group_duplicates"),
        ({"exact": 7}, "exact"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "x" * 300}, "cursor"),
        ({"deadline_ms": 600_001}, "deadline_ms"),
        ({"no_such_field": 1}, "no_such_field"),
    ],
)
def test_a_wrong_field_is_named(client: httpx.Client, change: dict[str, Any], field: str) -> None:
    response = post_json(client, {"query": "a"} | change)
    assert_problem(response, 422, field)
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert response.json()["errors"][0]["pointer"] == f"#/{field}"


@pytest.mark.parametrize("field", ["filter", "cursor", "image", "negative"])
def test_null_is_the_same_as_nothing(client: httpx.Client, field: str) -> None:
    assert post_json(client, {"query": "a", field: None}).status_code == 200


def test_every_wrong_field_is_listed(client: httpx.Client) -> None:
    errors = post_json(client, {"query": "", "top_k": 0, "zzz": 1}).json()["errors"]
    assert {error["field"] for error in errors} == {"query", "top_k", "zzz"}


def test_a_wrong_query_string_is_named(client: httpx.Client) -> None:
    assert_problem(client.get("/v1/search"), 422, "q")
    assert_problem(client.get("/v1/search?q=a&top_k=many"), 422, "top_k")
    assert_problem(client.get("/v1/search?q=a&deadline_ms=0.5"), 422, "deadline_ms")
    assert_problem(client.get("/v1/search?q=a&limit=3"), 422, "limit")


@pytest.mark.parametrize("kind", [CollectionDamaged, ModelInvalid])
def test_what_breaks_under_way_is_503_with_its_reason(
    client: httpx.Client, shared_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    monkeypatch.setattr(shared_engine, "fail", lambda: kind("index.faiss: cut short; index the folder again"))
    response = client.get("/v1/search?q=a")
    assert_problem(response, 503, "cut short")
    assert int(response.headers["retry-after"]) > 0


def test_a_bug_is_500_without_its_insides(
    client: httpx.Client, shared_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_engine, "fail", lambda: RuntimeError("secret detail"))
    response = client.get("/v1/search?q=a")
    assert_problem(response, 500)
    assert "secret" not in response.text


def post_json(client: httpx.Client, body: dict[str, Any]) -> httpx.Response:
    content = json.dumps(body).encode()
    return client.post("/v1/search", content=content, headers={"Content-Type": "application/json"})
