"""``/v1/search/stream`` against the real engine, and what happens when its client goes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.settings import Settings
from tests.api.conftest import assert_problem, running, wait_ready, wait_until
from tests.api.fakes import FakeEngine

QUERY = "blue denim jeans"


def lines_of(service: str, **body: Any) -> list[dict[str, Any]]:
    with httpx.stream("POST", f"{service}/v1/search/stream", json={"query": QUERY} | body, timeout=120) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/x-ndjson"
        return [json.loads(line) for line in response.iter_lines()]


def plain(service: str, **body: Any) -> dict[str, Any]:
    response = httpx.post(f"{service}/v1/search", json={"query": QUERY} | body, timeout=120)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def assert_same_answer(last: dict[str, Any], answer: dict[str, Any]) -> None:
    assert last.pop("type") == "result"
    assert set(last) == set(answer)
    for name in ("reranked", "degraded", "collection"):
        assert last[name] == answer[name]
    assert (last["next_cursor"] is None) == (answer["next_cursor"] is None)
    assert [hit["id"] for hit in last["hits"]] == [hit["id"] for hit in answer["hits"]]
    for mine, other in zip(last["hits"], answer["hits"], strict=True):
        assert mine["score"] == pytest.approx(other["score"], abs=1e-3)


def test_candidates_then_each_batch_then_the_same_answer_as_a_search(service: str) -> None:
    first, *scored, last = lines_of(service, top_k=5)
    assert set(first) == {"type", "hits", "collection"}
    assert first["type"] == "candidates"
    similarities = [hit["similarity"] for hit in first["hits"]]
    assert similarities == sorted(similarities, reverse=True)
    assert {hit["label"] for hit in first["hits"]} == {None}
    assert [line["type"] for line in scored] == ["scored"] * len(scored)
    assert len(scored) >= len(first["hits"]) / 8
    assert [line["judged"] for line in scored] == sorted(line["judged"] for line in scored)
    assert {line["of"] for line in scored} == {len(first["hits"])} == {scored[-1]["judged"]}
    verdicts = {hit["id"]: hit for line in scored for hit in line["hits"]}
    assert set(verdicts) == {hit["id"] for hit in first["hits"]}
    for hit in last["hits"]:
        told = verdicts[hit["id"]]
        assert set(told) == {"id", "score", "similarity", "entailment", "neutral", "contradiction", "label"}
        assert all(told[name] == hit[name] for name in told)
    assert_same_answer(last, plain(service, top_k=5))


def test_without_rerank_and_in_no_time_there_are_no_batches(service: str) -> None:
    for body in ({"rerank": False}, {"deadline_ms": 1}):
        first, last = lines_of(service, **body)
        assert [hit["id"] for hit in first["hits"]][:10] == [hit["id"] for hit in last["hits"]]
        assert_same_answer(last, plain(service, **body))


def test_a_cursor_leads_to_the_next_page(service: str) -> None:
    whole = plain(service, top_k=8)["hits"]
    *_, page = lines_of(service, top_k=4)
    first, last = lines_of(service, top_k=4, cursor=page["next_cursor"])
    assert [hit["id"] for hit in last["hits"]] == [hit["id"] for hit in whole[4:]]
    assert first["hits"] == last["hits"]


def test_with_a_negative_text_each_is_judged_twice(service: str) -> None:
    body = {"query": "blue denim", "negative": "jeans", "top_k": 5}
    first, *scored, last = lines_of(service, **body)
    assert scored[-1]["of"] == scored[-1]["judged"] == 2 * len(first["hits"])
    final = {hit["id"]: hit["score"] for line in scored for hit in line["hits"]}
    assert all(final[hit["id"]] == hit["score"] for hit in last["hits"])
    assert_same_answer(last, plain(service, **body))


@pytest.mark.parametrize(
    ("body", "status"),
    [({"query": ""}, 422), ({"query": "a", "cursor": "x"}, 422), ({"image": "img_" + "0" * 20}, 404), (["no"], 422)],
)
def test_what_fails_before_the_first_line_has_its_status(service: str, body: Any, status: int) -> None:
    assert_problem(httpx.post(f"{service}/v1/search/stream", json=body, timeout=60), status)


def test_a_failure_in_the_middle_is_the_last_line(engine: FakeEngine) -> None:
    app = create_app(Settings(), open_engine=lambda: engine)
    with running(app) as url:
        wait_ready(url)
        engine.fail_after_found = lambda: RuntimeError("the model broke")
        first, last = lines_of(url)
    assert first["type"] == "candidates"
    assert {"type", "title", "status", "detail", "instance"} <= set(last)
    assert (last["type"], last["status"]) == ("error", 500)
    assert "the model broke" not in last["detail"]


def pairs_judged(app: FastAPI) -> float:
    value = app.state.metrics.registry.get_sample_value("veralens_batch_size_sum", {"kind": "pairs"})
    return value or 0.0


def test_a_client_that_goes_stops_the_model(collection: Path) -> None:
    app = create_app(Settings(collection=collection))
    with running(app) as url:
        wait_ready(url)
        model = app.state.service.engine.reranker._model
        plainly = model.probabilities

        def slowly(image: Any, tokens: Any) -> Any:
            time.sleep(0.3)
            return plainly(image, tokens)

        model.probabilities = slowly
        with httpx.stream("POST", f"{url}/v1/search/stream", json={"query": QUERY}, timeout=120) as response:
            lines = response.iter_lines()
            assert json.loads(next(lines))["type"] == "candidates"
            assert json.loads(next(lines))["type"] == "scored"
        wait_until(lambda: not app.state.service.worker.busy)
        assert pairs_judged(app) <= 24  # of 32: the one seen, the one at hand, and one that was begun meanwhile
        model.probabilities = plainly
        assert plain(url)["degraded"] is None
