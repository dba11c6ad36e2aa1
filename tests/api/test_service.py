from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from api.app import create_app
from api.deadlines import NO_TIME_MS
from api.service import Service
from api.settings import Settings
from rerank.errors import ModelUnavailable
from tests.api.conftest import assert_problem, running, wait_ready, wait_until
from tests.api.fakes import FakeEngine


def test_the_process_lives_while_the_models_load(engine: FakeEngine) -> None:
    gate = threading.Event()

    def open_engine() -> FakeEngine:
        assert gate.wait(30)
        return engine

    with running(create_app(Settings(), open_engine=open_engine)) as url, httpx.Client(base_url=url) as client:
        assert client.get("/livez").json() == {"status": "alive"}
        assert client.get("/").status_code == 200
        for path in ("/readyz", "/v1/search?q=a", "/v1/collection", "/v1/images/img_0"):
            response = client.get(path)
            assert_problem(response, 503, "loading")
            assert int(response.headers["retry-after"]) > 0
        gate.set()
        wait_ready(url)
        assert client.get("/v1/search?q=a").status_code == 200
    assert engine.closed


def test_ready_means_that_an_inference_has_succeeded(engine: FakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    engine.fail = lambda: RuntimeError("no kernel for this device")
    app = create_app(Settings(), open_engine=lambda: engine)
    with running(app) as url:
        wait_until(lambda: "could not be loaded" in httpx.get(f"{url}/readyz").text)
        assert "no kernel" not in httpx.get(f"{url}/readyz").text
        wait_until(lambda: "no kernel for this device" in caplog.text)
        assert httpx.get(f"{url}/livez").status_code == 200


def test_a_model_that_is_not_there_is_said(engine: FakeEngine) -> None:
    failed: list[Service] = []

    def open_engine() -> FakeEngine:
        raise ModelUnavailable("/srv/models/name: not on this machine")

    app = create_app(Settings(), open_engine=open_engine, when_loaded=failed.append)
    with running(app) as url:
        wait_until(lambda: bool(failed))
        assert isinstance(failed[0].failure, ModelUnavailable)
        refused = httpx.get(f"{url}/v1/search?q=a")
        assert_problem(refused, 503, "could not be loaded")
        assert "/srv" not in refused.text


@contextmanager
def busy(engine: FakeEngine, capacity: int) -> Iterator[tuple[httpx.Client, ThreadPoolExecutor, Service]]:
    """A ready service whose worker is held by a slow search until the engine's gate opens."""
    app = create_app(Settings(max_queue=capacity), open_engine=lambda: engine)
    with (
        running(app) as url,
        httpx.Client(base_url=url, timeout=60) as client,
        ThreadPoolExecutor(capacity + 2) as threads,
    ):
        wait_ready(url)
        try:
            yield client, threads, app.state.service
        finally:
            engine.gate.set()


def test_a_full_queue_answers_429_and_the_others_are_served(engine: FakeEngine) -> None:
    with busy(engine, 2) as (client, threads, service):
        first = threads.submit(client.get, "/v1/search?q=slow")
        wait_until(lambda: "slow" in engine.searches)
        waiting = [threads.submit(client.get, "/v1/search?q=a") for _ in range(2)]
        wait_until(lambda: service.worker.depth == 2)
        refused = client.get("/v1/search?q=b")
        assert_problem(refused, 429, "try again")
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/livez").status_code == 200
        assert client.get("/v1/collection").status_code == 200
        engine.gate.set()
        assert [answer.result(30).status_code for answer in [first, *waiting]] == [200, 200, 200]
    assert "b" not in engine.searches


def test_the_depth_of_the_queue_is_that_of_the_moment(engine: FakeEngine) -> None:
    with busy(engine, 4) as (client, threads, service):
        slow = threads.submit(client.get, "/v1/search?q=slow")
        wait_until(lambda: "slow" in engine.searches)
        assert 'veralens_queue_depth{lane="interactive"} 0.0' in client.get("/metrics").text
        waiting = [threads.submit(client.get, "/v1/search?q=a") for _ in range(3)]
        wait_until(lambda: service.worker.depth == 3)
        # While the one turn that they wait for is not over.
        assert 'veralens_queue_depth{lane="interactive"} 3.0' in client.get("/metrics").text
        engine.gate.set()
        assert [answer.result(30).status_code for answer in [slow, *waiting]] == [200] * 4
        assert 'veralens_queue_depth{lane="interactive"} 0.0' in client.get("/metrics").text


def test_time_in_the_queue_counts_against_the_deadline(engine: FakeEngine) -> None:
    with busy(engine, 4) as (client, threads, service):
        slow = threads.submit(client.get, "/v1/search?q=slow")
        wait_until(lambda: "slow" in engine.searches)
        waiting = [threads.submit(client.get, f"/v1/search?q=a&deadline_ms={limit}") for limit in (50, 600_000)]
        wait_until(lambda: service.worker.depth == 2)
        time.sleep(0.1)
        engine.gate.set()
        assert [answer.result(30).status_code for answer in [slow, *waiting]] == [200, 200, 200]
    first, second, third = engine.deadlines[-3:]
    assert first is None
    assert sorted([second or 0.0, third or 0.0])[0] <= NO_TIME_MS
    assert 500_000 < max(second or 0.0, third or 0.0) <= 599_900


def test_closing_lets_what_runs_end(engine: FakeEngine) -> None:
    with busy(engine, 4) as (client, threads, _):
        answer = threads.submit(client.get, "/v1/search?q=slow")
        wait_until(lambda: "slow" in engine.searches)
        threading.Timer(0.3, engine.gate.set).start()
        # Leaving the block stops the server while the search runs.
    assert answer.result(30).status_code == 200
    assert engine.closed
