"""While the queue is full, nothing that needs the models is read or decoded; everything else goes on."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from api.admission import MOMENT
from api.app import create_app
from api.line import AT_IT
from api.room import ASKING, Room
from api.settings import Settings
from api.tasks import Ticket
from tests.api.conftest import running, wait_ready, wait_until
from tests.api.fakes import FakeEngine

MOST_WAITING = 2


@pytest.fixture
def full(engine: FakeEngine) -> Iterator[tuple[FastAPI, str]]:
    """A service whose worker is held up and whose queue is full."""
    app = create_app(Settings(max_queue=MOST_WAITING), open_engine=lambda: engine)
    gate = threading.Event()
    with running(app) as url:
        wait_ready(url)
        worker = app.state.service.worker
        held = threading.Event()
        waiting = [worker.submit(lambda: held.set() or gate.wait(120))]
        assert held.wait(60)
        while worker.depth < MOST_WAITING:
            waiting.append(worker.submit(gate.wait))
        yield app, url
        gate.set()
        for one in waiting:
            one.result(60)
        wait_until(lambda: not worker.busy)
        assert httpx.get(f"{url}/v1/search?q=a+cup", timeout=60).status_code == 200


def test_every_route_that_asks_the_models_says_when_to_come_back(full: tuple[FastAPI, str]) -> None:
    app, url = full
    asking = [path.decode() for path in ASKING]
    assert {route.path for route in app.state.routes} >= set(asking)
    for path in asking:
        answer = httpx.post(f"{url}{path}", content=b"{ not even JSON", timeout=60)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["instance"] == path
    counted = httpx.get(f"{url}/metrics", timeout=60).text
    assert 'veralens_requests_total{code="429",route="/v1/search"} 1.0' in counted
    assert httpx.get(f"{url}/v1/collection", timeout=60).status_code == 200


def test_a_refused_body_is_passed_over_and_the_connection_kept(full: tuple[FastAPI, str]) -> None:
    host, port = full[1].removeprefix("http://").split(":")
    head = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n"
    last = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    received = b""
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall(head)
        while b'"status":429' not in received:
            part = raw.recv(2**16)
            assert part
            received += part
        raw.sendall(bytes(300_000) + last)
        while part := raw.recv(2**16):
            received += part
    assert received.count(b"HTTP/1.1 ") == 2
    assert received.endswith(b'{"status":"alive"}')


def test_who_asks_before_sending_a_body_is_told_not_to(full: tuple[FastAPI, str]) -> None:
    host, port = full[1].removeprefix("http://").split(":")
    head = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
    received = b""
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall(head)
        while part := raw.recv(2**16):
            received += part
    assert received.startswith(b"HTTP/1.1 429 ")
    assert b"connection: close" in received.lower()


def test_who_would_wait_too_long_is_refused_unless_a_later_deadline_is_named(engine: FakeEngine) -> None:
    app = create_app(Settings(max_queue=100), open_engine=lambda: engine)
    gate, search = threading.Event(), Ticket(kind="search")
    with running(app) as url:
        wait_ready(url)
        worker = app.state.service.worker
        worker._estimates.record(search, 0.3)
        held = threading.Event()
        waiting = [worker.submit(lambda: held.set() or gate.wait(120), search)]
        assert held.wait(60)
        while len(waiting) < AT_IT + 2:
            waiting.append(worker.submit(gate.wait, Ticket(kind="search", deadline_ms=60_000)))
        refused = httpx.post(f"{url}/v1/search", json={"query": "a cup"}, timeout=60)
        assert refused.status_code == 429
        assert "too long" in refused.json()["detail"]
        assert httpx.get(f"{url}/v1/search?q=a+cup", timeout=60).status_code == 429
        with ThreadPoolExecutor(2) as threads:
            patient = {"query": "a cup", "deadline_ms": 60_000}
            asked = [
                threads.submit(httpx.post, f"{url}/v1/search", json=patient, timeout=60),
                threads.submit(httpx.get, f"{url}/v1/search?q=a+cup&deadline_ms=60000", timeout=60),
            ]
            wait_until(lambda: worker.depth >= AT_IT + 3)
            gate.set()
            assert [one.result(60).status_code for one in asked] == [200, 200]
        for one in waiting:
            one.result(60)


@dataclass
class Request:
    response_started: bool = False
    disconnected: bool = False


def test_of_many_at_once_as_many_are_let_in_as_there_are_places(engine: FakeEngine) -> None:
    places = 4
    app = create_app(Settings(max_queue=places), open_engine=lambda: engine)
    gate, held = threading.Event(), threading.Event()
    room: Room = app.state.room

    def let_in() -> list[Request]:
        """Who of 40 gets through at one moment; whoever does is then read."""
        asked = [Request() for _ in range(40) if room.shut(b"POST", b"/v1/search", []) is None]
        for one in asked:
            room.let_in(b"/v1/search", one)
        time.sleep(2 * MOMENT)
        return asked

    with running(app) as url:
        wait_ready(url)
        holding = app.state.service.worker.submit(lambda: held.set() or gate.wait(120))
        assert held.wait(60)
        room.let_in(b"/v1/search", Request())  # whose turn it is now
        first = let_in()
        assert len(first) == places
        assert let_in() == []  # they are not in line yet, but they will be
        first[0].response_started = first[1].disconnected = True
        assert len(let_in()) == 2
        gate.set()
        holding.result(60)


def test_refused_requests_keep_their_order_and_end_where_they_ask_to(full: tuple[FastAPI, str]) -> None:
    host, port = full[1].removeprefix("http://").split(":")
    ahead = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    asked = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: mine-%d\r\nContent-Length: 2\r\n\r\n{}"
    last = b"GET /v1/search?q=a HTTP/1.0\r\nHost: localhost\r\n\r\n"
    received = b""
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall(ahead)
        received += raw.recv(2**16)
        raw.sendall(asked % 1 + asked % 2 + last)
        while part := raw.recv(2**16):
            received += part
    assert re.findall(rb"HTTP/1\.1 (\d+)", received) == [b"200", b"429", b"429", b"429"]
    assert re.findall(rb"x-request-id: (mine-\d)\r\n", received) == [b"mine-1", b"mine-2"]
    assert re.findall(rb'"request_id":"(mine-\d)"}', received) == [b"mine-1", b"mine-2"]
    assert received.lower().count(b"connection: close") == 1
