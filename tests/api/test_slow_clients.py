"""Clients that keep the server waiting, over raw sockets: they are let go, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from api.app import create_app
from api.server import Server, listen, url_of
from api.settings import Settings
from tests.api.conftest import wait_ready, wait_until
from tests.api.fakes import FakeEngine

ATTACKERS = 20
LIMITS = {"header_seconds": 1.0, "body_seconds": 1.0, "write_seconds": 1.0, "keep_alive_seconds": 1.0}
POST = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
SEARCH = b"GET /v1/search?q=a+cup HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIVE = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
KEPT = 3.0
LARGE = 32 * 2**20


@contextmanager
def serving(engine: FakeEngine, **settings: float) -> Iterator[tuple[str, FastAPI]]:
    """Our own server, as ``veralens serve`` runs it, with a route whose answer is large and one that reads late."""
    chosen = Settings(**{**LIMITS, **settings})
    app = create_app(chosen, open_engine=lambda: engine)

    @app.get("/large")
    def large() -> Response:
        return Response(bytes(LARGE))

    @app.post("/late")
    async def late(request: Request) -> int:
        time.sleep(2.5)  # on the loop: nothing is read meanwhile
        return len(await request.body())

    listener = listen("127.0.0.1", 0)
    server = Server(app, chosen, lambda _: None)
    thread = threading.Thread(target=server.run, args=[listener])
    thread.start()
    try:
        wait_ready(url := url_of(listener))
        yield url, app
    finally:
        engine.gate.set()
        server.stop()
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def attacked(engine: FakeEngine) -> Iterator[str]:
    """The URL of a server of little patience."""
    with serving(engine) as (url, _):
        yield url


def connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def trickle(raw: socket.socket) -> bytes:
    """What is answered to somebody who sends a byte at a time, until the connection ends."""
    answer = b""
    raw.settimeout(0.05)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            raw.send(b"a")
            if (part := raw.recv(4096)) == b"":
                return answer
            answer += part
        except TimeoutError:
            continue
        except ConnectionError:
            return answer
    pytest.fail("the connection was never ended")


@contextmanager
def turning_away(app: FastAPI) -> Iterator[None]:
    """While the models are held up and the one place in their queue is taken."""
    gate, held, worker = threading.Event(), threading.Event(), app.state.service.worker
    worker.submit(lambda: held.set() or gate.wait(120))
    assert held.wait(60)
    worker.submit(gate.wait)
    try:
        yield
    finally:
        gate.set()


def rejected(url: str, reason: str) -> float:
    """How many the metrics say were turned away for a reason."""
    wanted = f'veralens_rejected_total{{reason="{reason}"}} '
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return sum(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))


def assert_served(url: str) -> None:
    assert httpx.get(f"{url}/v1/search", params={"q": "a"}, timeout=60).status_code == 200


@pytest.mark.parametrize(("start", "reason"), [(b"GET / HTTP/1.1\r\nX: ", "slow_header"), (POST, "slow_body")])
def test_a_request_that_never_ends_is_ended_and_others_are_served(attacked: str, start: bytes, reason: str) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(ATTACKERS) as threads:
        sockets = [stack.enter_context(connect(attacked)) for _ in range(ATTACKERS)]
        for raw in sockets:
            raw.sendall(start)
        attacks = [threads.submit(trickle, raw) for raw in sockets]
        assert_served(attacked)
        for attack in attacks:
            answer = attack.result()
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"application/problem+json" in answer
            assert b"did not come in time" in answer
    assert rejected(attacked, reason) == ATTACKERS


def test_who_says_nothing_is_left_without_a_word(attacked: str) -> None:
    with connect(attacked) as raw:
        assert_served(attacked)
        assert raw.recv(1) == b""


def test_a_kept_connection_that_is_not_used_is_closed(attacked: str) -> None:
    with connect(attacked) as raw:
        raw.sendall(LIVE)
        answer = b""
        while (part := raw.recv(4096)) != b"":
            answer += part
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" not in answer.lower()


def test_a_request_that_came_before_its_connection_was_closed_is_answered(engine: FakeEngine) -> None:
    holding = threading.Event()
    with serving(engine, keep_alive_seconds=KEPT) as (url, app), ThreadPoolExecutor(1) as threads, connect(url) as raw:

        @app.get("/stall")
        async def stall() -> None:
            loop, (ours, theirs) = asyncio.get_running_loop(), socket.socketpair()

            def hold() -> None:
                loop.remove_reader(ours)
                ours.close()
                theirs.close()
                holding.set()
                time.sleep(KEPT + 0.5)  # when the loop goes on, the time of ``raw`` is over, and its request is there

            # Where a loop reads from sockets: what it finds next is whose time is over, and only then what was sent.
            loop.add_reader(ours, hold)
            theirs.send(b"x")

        raw.sendall(LIVE)
        assert raw.recv(2**16).startswith(b"HTTP/1.1 200 ")
        stalled = threads.submit(httpx.get, f"{url}/stall", timeout=60)
        assert holding.wait(60)
        raw.sendall(LIVE)
        assert stalled.result(60).status_code == 200
        assert raw.recv(2**16).startswith(b"HTTP/1.1 200 ")
        assert raw.recv(1) == b""


def test_who_does_not_take_its_answer_is_cut_off_and_others_are_served(attacked: str) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(connect(attacked)) for _ in range(4)]
        for raw in sockets:
            raw.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert_served(attacked)
        wait_until(lambda: rejected(attacked, "slow_reader") == len(sockets))
        for raw in sockets:
            assert _taken(raw) < LARGE
    assert len(httpx.get(f"{attacked}/large", timeout=60).content) == LARGE


def test_a_server_that_reads_late_does_not_blame_the_client(attacked: str) -> None:
    size = 8 * 2**20
    answer = httpx.post(f"{attacked}/late", content=bytes(size), timeout=60)
    assert answer.json() == size


def test_whoever_keeps_the_server_waiting_gives_way(engine: FakeEngine) -> None:
    with (
        serving(engine, max_connections=8, header_seconds=600, keep_alive_seconds=600) as (url, _),
        ExitStack() as stack,
    ):
        idle = [stack.enter_context(connect(url)) for _ in range(8)]
        time.sleep(1.5)  # longer than anybody may take
        for _ in range(3):
            assert_served(url)
        assert rejected(url, "displaced") >= 1
        assert idle[0].recv(1) == b""  # the first to come was the first to go


def test_who_is_turned_away_again_and_again_has_not_waited_long(engine: FakeEngine) -> None:
    with serving(engine, max_connections=2, max_queue=1, header_seconds=600) as (url, app), ExitStack() as stack:
        stack.enter_context(turning_away(app))
        busy = stack.enter_context(connect(url))
        busy.sendall(SEARCH)
        assert busy.recv(2**16).startswith(b"HTTP/1.1 429 ")
        idle = stack.enter_context(connect(url))
        for _ in range(2):
            time.sleep(0.6)  # longer in all than anybody may take
            busy.sendall(SEARCH)
            assert busy.recv(2**16).startswith(b"HTTP/1.1 429 ")
        stack.enter_context(connect(url))
        assert idle.recv(1) == b""
        busy.sendall(SEARCH)
        assert busy.recv(2**16).startswith(b"HTTP/1.1 429 ")


def test_who_takes_every_answer_at_once_is_no_slow_reader(engine: FakeEngine) -> None:
    with serving(engine, write_seconds=0.02, max_queue=1) as (url, app), ExitStack() as stack:
        stack.enter_context(turning_away(app))
        raw = stack.enter_context(connect(url))
        raw.sendall(LIVE)
        assert raw.recv(2**16).startswith(b"HTTP/1.1 200 ")
        for _ in range(400):
            raw.sendall(SEARCH)
            assert raw.recv(2**16).startswith(b"HTTP/1.1 429 ")
        assert rejected(url, "slow_reader") == 0


def test_requests_that_are_worked_on_do_not_give_way(engine: FakeEngine) -> None:
    with serving(engine, max_connections=1) as (url, _), ThreadPoolExecutor(1) as threads:
        slow = threads.submit(httpx.get, f"{url}/v1/search?q=slow", timeout=60)
        wait_until(lambda: "slow" in engine.searches)
        time.sleep(1.5)  # longer than anybody may take
        full = httpx.get(f"{url}/livez")
        assert full.status_code == 503
        assert "places" in full.json()["detail"]
        assert full.headers["retry-after"] == "1"
        engine.gate.set()
        assert slow.result().status_code == 200
        assert rejected(url, "connections") >= 1


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n\r\n"])
def test_what_is_no_http_gets_a_problem_document(attacked: str, sent: bytes) -> None:
    with connect(attacked) as raw:
        raw.sendall(sent)
        answer = b""
        while (part := raw.recv(4096)) != b"":
            answer += part
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert b"nosniff" in answer
    assert_served(attacked)


def _taken(raw: socket.socket) -> int:
    """How many bytes are still to be had."""
    taken = 0
    try:
        while part := raw.recv(2**20):
            taken += len(part)
    except ConnectionError:
        pass
    return taken
