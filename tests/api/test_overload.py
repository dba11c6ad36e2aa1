"""More requests than the models can answer, and clients that do not wait: real models, raw sockets."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.settings import Settings
from tests.api.conftest import running, wait_ready, wait_until
from tests.api.test_process import serving

CLIENTS = 200


@contextmanager
def served(collection: Path, **settings: int) -> Iterator[tuple[FastAPI, str]]:
    """A ready service over the real models."""
    app = create_app(Settings.load(collection=collection, **settings))
    with running(app) as url:
        wait_ready(url)
        yield app, url


def batches(app: FastAPI) -> float:
    """How many batches the models have computed."""
    kinds = ("texts", "images", "pairs")
    counts = (
        app.state.metrics.registry.get_sample_value("veralens_batch_size_count", {"kind": kind}) for kind in kinds
    )
    return sum(count or 0.0 for count in counts)


def request_to(url: str, path: str, kind: str, body: bytes) -> tuple[tuple[str, int], bytes]:
    """The address of a service, and a request to it as it goes over the wire."""
    parts = urlsplit(url)
    assert parts.hostname
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (parts.hostname, parts.port or 80), head.encode() + body


def search_request(url: str) -> tuple[tuple[str, int], bytes]:
    body = json.dumps({"query": "blue denim jeans"}).encode()
    return request_to(url, "/v1/search", "application/json", body)


def entailment_request(url: str, photos: Path) -> tuple[tuple[str, int], bytes]:
    parts = (
        b'--X\r\nContent-Disposition: form-data; name="text"\r\n\r\nblue jeans\r\n',
        b'--X\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n',
        next(iter(sorted(photos.iterdir()))).read_bytes(),
        b"\r\n--X--\r\n",
    )
    return request_to(url, "/v1/entailment", "multipart/form-data; boundary=X", b"".join(parts))


@contextmanager
def held(app: FastAPI) -> Iterator[None]:
    """The models are busy with something else meanwhile."""
    gate, started = threading.Event(), threading.Event()

    def job() -> None:
        started.set()
        assert gate.wait(120)

    holding = app.state.service.worker.submit(job)
    assert started.wait(60)
    try:
        yield
    finally:
        gate.set()
        holding.result(60)


@pytest.mark.parametrize("what", ["search", "entailment"])
def test_what_clients_that_are_gone_have_asked_for_is_not_computed(what: str, collection: Path, photos: Path) -> None:
    with served(collection) as (app, url):
        address, request = search_request(url) if what == "search" else entailment_request(url, photos)
        before = batches(app)
        with held(app):
            clients = [socket.create_connection(address, timeout=60) for _ in range(CLIENTS)]
            for client in clients:
                client.sendall(request)
            wait_until(lambda: app.state.service.worker.depth > 0, 60)
            for client in clients:
                client.close()
            wait_until(lambda: app.state.service.worker.depth == 0, 60)
        # Whatever was still on its way through the decoder has come to the queue, and found its client gone.
        assert httpx.get(f"{url}/v1/search?q=a+cup&rerank=false", timeout=60).status_code == 200
        wait_until(lambda: not app.state.service.worker.busy, 60)
        assert batches(app) - before - 1 <= 2


def test_clients_that_drop_at_once_cost_next_to_nothing(collection: Path) -> None:
    with served(collection) as (app, url):
        address, request = search_request(url)
        before = batches(app)
        for _ in range(CLIENTS):
            with socket.create_connection(address, timeout=60) as client:
                client.sendall(request)
        wait_until(lambda: not app.state.service.worker.busy, 60)
        httpx.get(f"{url}/livez", timeout=60)
        # An idle model may have begun before the end of a connection is heard of.
        assert batches(app) - before <= CLIENTS / 10


def test_under_overload_everybody_is_answered_or_told_when_to_come_back(collection: Path) -> None:
    codes: Counter[int] = Counter()
    with served(collection, max_queue=4) as (app, url):
        until = time.monotonic() + 5.0

        def ask(number: int) -> None:
            # A client each: a pool that threads share closes connections under those who are about to use them.
            with httpx.Client(timeout=120) as client:
                while time.monotonic() < until:
                    answer = client.get(f"{url}/v1/search", params={"q": f"a cup {number}"})
                    codes[answer.status_code] += 1
                    if answer.status_code == 429:
                        assert int(answer.headers["retry-after"]) >= 1

        with ThreadPoolExecutor(24) as threads:
            for asking in [threads.submit(ask, number) for number in range(24)]:
                asking.result(120)
        assert set(codes) == {200, 429}
        # And it is as before.
        wait_until(lambda: not app.state.service.worker.busy, 60)
        answer = httpx.get(f"{url}/v1/search?q=a+cup", timeout=60).json()
        assert answer["reranked"] is True


def test_terminated_under_load_it_answers_what_it_has_accepted(collection: Path) -> None:
    with serving("-c", str(collection)) as (process, url):
        wait_ready(url)
        address, request = search_request(url)
        clients = [socket.create_connection(address, timeout=120) for _ in range(20)]
        for client in clients:
            client.sendall(request)
        # The server has read them all when it answers one that came later.
        assert httpx.get(f"{url}/livez", timeout=60).status_code == 200
        process.send_signal(signal.SIGTERM)
        codes = Counter(answered(client) for client in clients)
        assert set(codes) <= {"200", "429", "503"}
        assert codes["200"] > 0
        assert process.wait(60) == 0


def answered(client: socket.socket) -> str:
    """The status of the whole answer that a connection gives; empty when it gives none."""
    with client, client.makefile("rb") as stream:
        data = stream.readline()
        headers = dict(line.decode().lower().strip().split(": ", 1) for line in iter(stream.readline, b"\r\n"))
        body = stream.read(int(headers["content-length"]))
        assert len(body) == int(headers["content-length"])
        status = data.split()[1].decode()
        assert status == "200" or "retry-after" in headers
        return status
