"""An explanation with a heat map takes turns with others, and ends when its client goes: real models, raw sockets.

What else takes turns stands between the explanation's batches and holds them up for as long as the test looks.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from rerank.turns import Turns, Work, results
from tests.api.conftest import assert_problem, wait_until
from tests.api.test_entailment import data_uri
from tests.api.test_overload import batches, request_to, served

SECONDS = 120
TEXT = "red denim jeans"
DEADLINE_MS = 3000


Step = Callable[[], object]


def between(app: FastAPI, steps: Callable[[], Iterator[Step]]) -> Future[None]:
    """Takes a turn after each of the others', from now on; ``steps`` gives what it does in them, in order."""

    def turns() -> Turns[None]:
        for step in steps():
            results((yield Work("between", lambda _, step=step: [step()], [None], 1)))  # type: ignore[misc]

    future: Future[None] = app.state.service.worker.submit_turns(turns)
    return future


@pytest.fixture
def explanation(photos: Path) -> dict[str, object]:
    """The body of a request for a heat map."""
    picture = next(path for path in sorted(photos.iterdir()) if "blue_denim_jeans" in path.name)
    return {"image": data_uri(picture), "text": TEXT, "regions": True}


def first_turn(app: FastAPI, held: threading.Event) -> Iterator[Step]:
    """Until the request that comes when ``held`` is set has had its first turn."""
    before = batches(app)

    def hold() -> None:
        held.set()
        wait_until(lambda: app.state.service.worker.depth == 1, SECONDS)

    yield hold
    while batches(app) == before:
        yield lambda: time.sleep(0.01)


@contextmanager
def opened(gate: threading.Event) -> Iterator[None]:
    """Whatever happens, nothing waits for ``gate`` afterwards."""
    try:
        yield
    finally:
        gate.set()


def test_a_search_is_answered_between_the_turns_of_an_explanation(
    collection: Path, explanation: dict[str, object]
) -> None:
    idle, begun, searched = threading.Event(), threading.Event(), threading.Event()
    with served(collection) as (app, url), ThreadPoolExecutor(1) as threads, opened(searched):
        before = batches(app)

        def steps() -> Iterator[Step]:
            yield from first_turn(app, idle)  # the explanation's
            yield from first_turn(app, begun)  # the search's, which has no other
            yield lambda: searched.wait(SECONDS)

        others = between(app, steps)
        assert idle.wait(SECONDS)
        explaining = threads.submit(httpx.post, f"{url}/v1/explain", json=explanation, timeout=SECONDS)
        assert begun.wait(SECONDS)
        assert httpx.get(f"{url}/v1/search?q=a+cup&rerank=false", timeout=SECONDS).status_code == 200
        assert not explaining.done()
        done = batches(app) - before
        searched.set()
        others.result(SECONDS)
        assert explaining.result(SECONDS).json()["regions"]["rows"] == 7
        # The search's text was encoded and few of the explanation's nine batches were computed: much was left to do.
        assert done <= 5
        assert batches(app) - before >= done + 4


def test_an_explanation_ends_when_its_client_goes(collection: Path, explanation: dict[str, object]) -> None:
    idle, begun, gone = threading.Event(), threading.Event(), threading.Event()
    with served(collection) as (app, url), opened(gone):
        before = batches(app)

        def steps() -> Iterator[Step]:
            yield from first_turn(app, idle)
            begun.set()
            yield lambda: gone.wait(SECONDS)

        others = between(app, steps)
        assert idle.wait(SECONDS)
        address, request = request_to(url, "/v1/explain", "application/json", json.dumps(explanation).encode())
        with socket.create_connection(address, timeout=SECONDS) as client:
            client.sendall(request)
            assert begun.wait(SECONDS)
            computed = batches(app) - before
        left = {"route": "/v1/explain", "code": "499"}
        registry = app.state.metrics.registry
        wait_until(lambda: registry.get_sample_value("veralens_requests_total", left) == 1, SECONDS)
        gone.set()
        others.result(SECONDS)
        wait_until(lambda: not app.state.service.worker.busy, SECONDS)
        assert computed >= 1
        assert batches(app) - before <= computed + 1


def test_a_heat_map_that_comes_too_late_is_left_out(collection: Path, explanation: dict[str, object]) -> None:
    idle, begun = threading.Event(), threading.Event()
    with served(collection) as (app, url), ThreadPoolExecutor(1) as threads:
        whole = httpx.post(f"{url}/v1/explain", json=explanation | {"deadline_ms": 60_000}, timeout=SECONDS).json()
        assert (whole["regions"]["rows"], whole["degraded"]) == (7, None)

        def steps() -> Iterator[Step]:
            yield from first_turn(app, idle)  # the parts
            begun.set()
            yield lambda: time.sleep(DEADLINE_MS / 1000)

        others = between(app, steps)
        assert idle.wait(SECONDS)
        hurried = explanation | {"deadline_ms": DEADLINE_MS}
        explaining = threads.submit(httpx.post, f"{url}/v1/explain", json=hurried, timeout=SECONDS)
        assert begun.wait(SECONDS)
        others.result(SECONDS)
        found = explaining.result(SECONDS).json()
        assert found["regions"] is None
        assert "the deadline came" in found["degraded"]
        same = ("label", "parts", "culprits")
        assert [found[name] for name in same] == [whole[name] for name in same]


def test_an_explanation_whose_turn_comes_too_late_is_refused(collection: Path, explanation: dict[str, object]) -> None:
    idle = threading.Event()
    with served(collection) as (app, url), ThreadPoolExecutor(1) as threads:

        def steps() -> Iterator[Step]:
            def hold() -> None:
                idle.set()
                wait_until(lambda: app.state.service.worker.depth == 1, SECONDS)
                time.sleep(DEADLINE_MS / 1000)

            yield hold

        others = between(app, steps)
        assert idle.wait(SECONDS)
        before = batches(app)
        hurried = explanation | {"deadline_ms": DEADLINE_MS}
        refused = threads.submit(httpx.post, f"{url}/v1/explain", json=hurried, timeout=SECONDS).result(SECONDS)
        others.result(SECONDS)
        assert_problem(refused, 503, "deadline")
        assert int(refused.headers["Retry-After"]) >= 1
        assert batches(app) == before
