"""Probes and metrics: each fault is named, and nothing that people asked for is counted by name."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from api.settings import Settings
from retrieval.errors import CollectionDamaged
from tests.api.conftest import assert_problem, running, wait_ready, wait_until
from tests.api.fakes import FakeEngine

Usage = namedtuple("Usage", ["total", "used", "free"])


def samples(url: str, name: str) -> dict[tuple[str, ...], float]:
    """The values of a metric by the values of its labels."""
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
    return {
        tuple(one.labels[label] for label in sorted(one.labels)): one.value
        for family in families
        for one in family.samples
        if one.name == name
    }


@pytest.fixture
def served(engine: FakeEngine) -> Iterator[str]:
    with running(create_app(Settings(stuck_seconds=0.5), open_engine=lambda: engine)) as url:
        wait_ready(url)
        yield url
        engine.gate.set()


def test_a_full_disk_is_not_ready_but_alive(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12 - 1000, 1000))
    answer = httpx.get(f"{served}/readyz")
    assert_problem(answer, 503, "1,000 bytes are free")
    assert [error["field"] for error in answer.json()["errors"]] == ["disk"]
    assert int(answer.headers["retry-after"]) > 0
    assert httpx.get(f"{served}/livez").status_code == 200


def test_a_collection_that_cannot_be_read_is_not_ready(
    served: str, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*, indexes: bool = True) -> bool:
        raise CollectionDamaged("catalog.sqlite: cut short")

    monkeypatch.setattr(engine, "refresh", damaged)
    answer = httpx.get(f"{served}/readyz")
    assert_problem(answer, 503, "cut short")
    assert answer.json()["errors"][0]["field"] == "collection"


def test_models_that_do_not_get_on_are_not_alive(served: str, engine: FakeEngine) -> None:
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(httpx.get, f"{served}/v1/search?q=slow", timeout=60)
        wait_until(lambda: httpx.get(f"{served}/livez").status_code == 503)
        assert_problem(httpx.get(f"{served}/livez"), 503, "at one job for")
        assert httpx.get(f"{served}/readyz").status_code == 503
        engine.gate.set()
        assert slow.result().status_code == 200
    assert httpx.get(f"{served}/livez").status_code == 200


def test_while_it_loads_it_is_alive_and_not_ready(engine: FakeEngine) -> None:
    loaded = threading.Event()

    def open_engine() -> FakeEngine:
        assert loaded.wait(30)
        return engine

    with running(create_app(Settings(), open_engine=open_engine)) as url:
        assert httpx.get(f"{url}/livez").status_code == 200
        assert_problem(httpx.get(f"{url}/readyz"), 503, "loading")
        assert httpx.get(f"{url}/metrics").status_code == 200
        loaded.set()
        wait_ready(url)


def test_requests_are_counted_by_template_and_status(served: str) -> None:
    for number in range(3):
        httpx.get(f"{served}/v1/images/img_{number:020x}")
        httpx.get(f"{served}/no/such/path/{number}")
    httpx.get(f"{served}/v1/search", params={"q": "a secret wish"})
    counted = samples(served, "veralens_requests_total")
    assert counted["404", "/v1/images/{image_id}"] == 3
    assert counted["404", "(none)"] == 3
    assert counted["200", "/v1/search"] == 1
    assert samples(served, "veralens_request_seconds_count")["/v1/search",] == 1
    page = httpx.get(f"{served}/metrics").text
    assert "secret" not in page
    assert "img_" not in page
    assert "such" not in page


def test_what_is_served_and_how_the_models_are_doing(served: str, engine: FakeEngine, pictures: Path) -> None:
    httpx.get(f"{served}/v1/search?q=a")
    assert samples(served, "veralens_images") == {(): len(list(pictures.iterdir()))}
    assert samples(served, "veralens_index_generation") == {(): 1.0}
    assert ("interactive",) in samples(served, "veralens_queue_wait_seconds_count")
    assert sum(samples(served, "veralens_inference_seconds_count").values()) > 0
    assert sum(samples(served, "veralens_batch_size_count").values()) > 0


def test_what_is_turned_away_is_counted_with_its_reason(engine: FakeEngine) -> None:
    settings = Settings.load(api_keys=("secret",), max_body_bytes=2048, max_queue=1)
    key = {"X-API-Key": "secret"}
    with running(create_app(settings, open_engine=lambda: engine)) as url, ThreadPoolExecutor(8) as threads:
        wait_ready(url)
        httpx.get(f"{url}/v1/collection")
        httpx.get(f"{url}/v1/collection", headers={"Host": "evil.example"})
        httpx.post(f"{url}/v1/search", json={}, headers=key | {"Origin": "https://evil.example"})
        httpx.post(f"{url}/v1/search", content=b" " * 4096, headers=key | {"Content-Type": "application/json"})
        httpx.post(f"{url}/v1/entailment", files={"image": b"no picture"}, data={"text": "a"}, headers=key)
        slow = [threads.submit(httpx.get, f"{url}/v1/search?q=slow", headers=key, timeout=60) for _ in range(8)]
        wait_until(lambda: ("queue",) in samples(url, "veralens_rejected_total"))
        engine.gate.set()
        statuses = [one.result().status_code for one in slow]
        assert set(statuses) == {200, 429}
        time.sleep(0.1)
        rejected = samples(url, "veralens_rejected_total")
        assert rejected["queue",] == statuses.count(429)
        assert {("key",), ("host",), ("origin",), ("body",)} <= set(rejected)
        assert sum(samples(url, "veralens_decode_failures_total").values()) == 1


def test_the_documentation_has_every_metric(served: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    families = text_string_to_metric_families(httpx.get(f"{served}/metrics").text)
    documented = set(re.findall(r"`(veralens_\w+)`", text))
    assert documented == {family.name + ("_total" if family.type == "counter" else "") for family in families}
