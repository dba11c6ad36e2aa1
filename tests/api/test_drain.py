"""Going away in order: what was accepted is answered, who comes later is told to go elsewhere."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.server import Server, listen, url_of
from api.settings import Settings
from tests.api.conftest import assert_problem, wait_ready, wait_until
from tests.api.fakes import FakeEngine
from tests.api.test_process import serving

CLIENTS = 8


class Running:
    """A server on a thread, which a test stops itself."""

    def __init__(self, engine: FakeEngine) -> None:
        settings = Settings()
        app = create_app(settings, open_engine=lambda: engine)
        listener = listen("127.0.0.1", 0)
        self.url = url_of(listener)
        self.worker = app.state.service.worker
        self.server = Server(app, settings, lambda _: None)
        self.thread = threading.Thread(target=self.server.run, args=[listener])
        self.thread.start()
        wait_ready(self.url)

    @property
    def accepted(self) -> int:
        """How many requests have a place in the queue or are being worked on."""
        return sum(len(list(line.everybody)) for line in self.worker._lines.values())

    def end(self) -> None:
        self.server.stop()
        self.thread.join(60)
        assert not self.thread.is_alive()


@pytest.fixture
def server(engine: FakeEngine) -> Iterator[Running]:
    running = Running(engine)
    yield running
    engine.gate.set()
    running.end()


def test_what_was_accepted_is_answered_and_who_comes_later_is_sent_elsewhere(
    server: Running, engine: FakeEngine
) -> None:
    with ThreadPoolExecutor(CLIENTS) as threads:
        slow = [threads.submit(httpx.get, f"{server.url}/v1/search?q=slow", timeout=60) for _ in range(CLIENTS)]
        wait_until(lambda: server.accepted >= CLIENTS)
        server.server.stop()
        wait_until(lambda: httpx.get(f"{server.url}/readyz").status_code == 503)
        for path in ("/readyz", "/v1/search?q=a"):
            answer = httpx.get(server.url + path)
            assert_problem(answer, 503, "shutting down")
            assert int(answer.headers["retry-after"]) > 0
            assert answer.headers["connection"] == "close"
        assert httpx.get(f"{server.url}/livez").status_code == 200
        engine.gate.set()
        assert [one.result().status_code for one in slow] == [200] * CLIENTS
    server.thread.join(60)
    assert not server.thread.is_alive()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/livez")


def test_connections_that_ask_for_nothing_hold_nobody_up(server: Running) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))), httpx.Client(base_url=server.url) as kept:
        kept.get("/livez")
        start = time.monotonic()
        server.end()
        assert time.monotonic() - start < 20


def test_sigterm_under_load_loses_nothing(collection: Path) -> None:
    lost: list[str] = []
    statuses: list[int] = []
    with serving("-c", str(collection), "--log-level", "warning") as (process, url):
        wait_ready(url)
        gone = threading.Event()

        def ask() -> None:
            while not gone.is_set():
                try:
                    statuses.append(httpx.get(f"{url}/v1/search?q=blue+jeans&top_k=3", timeout=60).status_code)
                except httpx.ConnectError:
                    return  # nothing listens any more: this was not accepted
                except httpx.HTTPError as error:
                    lost.append(repr(error))

        with ThreadPoolExecutor(CLIENTS) as threads:
            for _ in range(CLIENTS):
                threads.submit(ask)
            wait_until(lambda: statuses.count(200) >= CLIENTS, 120)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            gone.set()
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert lost == []
    assert set(statuses) <= {200, 429, 503}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_second_signal_ends_it_at_once(collection: Path, number: signal.Signals, code: int) -> None:
    with serving("-c", str(collection), VERALENS_BODY_SECONDS="600", VERALENS_SHUTDOWN_SECONDS="600") as (process, url):
        wait_ready(url)
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(
                b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 1000\r\n\r\n{"
            )
            time.sleep(1)
            process.send_signal(number)
            wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 503)
            assert process.poll() is None  # it waits for the rest of that request
            process.send_signal(number)
            assert process.wait(60) == code
