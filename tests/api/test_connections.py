"""What comes over a connection that is not as it should be, or more than should: real sockets, no patience needed."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from api.app import create_app
from api.connections import MOST_AHEAD, MOST_HEADER_BYTES
from api.settings import Settings
from tests.api.conftest import running, wait_ready
from tests.api.fakes import FakeEngine

LIVE = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = (
    b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


@pytest.fixture
def server(engine: FakeEngine) -> Iterator[tuple[str, int]]:
    with running(create_app(Settings(), open_engine=lambda: engine)) as url:
        wait_ready(url)
        host, port = url.removeprefix("http://").split(":")
        yield host, int(port)


def answers(server: tuple[str, int], *sent: bytes, close: bool = True) -> list[bytes]:
    """The status lines that come for what is sent, until the server ends the connection."""
    with socket.create_connection(server, timeout=60) as raw:
        received = b""
        try:
            for part in sent:
                raw.sendall(part)
            if close:
                raw.shutdown(socket.SHUT_WR)
            while part := raw.recv(2**16):
                received += part
        except ConnectionError:
            pass  # it went while we were sending
    return re.findall(rb"HTTP/1\.1 \d\d\d [A-Za-z ]+", received)


def ending(request: bytes) -> bytes:
    return request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)


def test_requests_sent_ahead_are_answered_in_their_order(server: tuple[str, int]) -> None:
    nothing = LIVE.replace(b"/livez", b"/nothing")
    found = answers(server, LIVE + nothing + LIVE + ending(nothing), close=False)
    assert found == [b"HTTP/1.1 200 OK", b"HTTP/1.1 404 Not Found"] * 2


def test_more_requests_ahead_than_anybody_sends_end_the_connection(server: tuple[str, int]) -> None:
    found = answers(server, LIVE * (MOST_AHEAD + 10), close=False)
    assert found[-1] == b"HTTP/1.1 400 Bad Request"
    assert len(found) <= MOST_AHEAD
    assert answers(server, ending(LIVE), close=False) == [b"HTTP/1.1 200 OK"]


@pytest.mark.parametrize(
    "start", [b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ", b"GET /", CHUNKED + b"0\r\nX: ", CHUNKED + b"1;a="]
)
def test_a_header_without_end_is_cut_off(server: tuple[str, int], start: bytes) -> None:
    found = answers(server, start, *[b"a" * 1024] * (4 * MOST_HEADER_BYTES // 1024), close=False)
    assert found in ([b"HTTP/1.1 431 Request Header Fields Too Large"], [])
    assert answers(server, ending(LIVE), close=False) == [b"HTTP/1.1 200 OK"]


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Host: localhost\r\nHost: elsewhere\r\n",
        b"Host: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        b"Host: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        b"Host: localhost\r\nContent-Length: -1\r\n",
        b"Host : localhost\r\n",
        b"Host: localhost\r\n folded: yes\r\n",
    ],
)
def test_a_header_that_could_be_read_in_two_ways_is_refused(server: tuple[str, int], header: bytes) -> None:
    found = answers(server, b"POST /v1/search HTTP/1.1\r\n" + header + b"\r\n" + LIVE, close=False)
    assert found == [b"HTTP/1.1 400 Bad Request"]


def test_a_small_body_in_a_great_many_parts_is_a_body(server: tuple[str, int]) -> None:
    body = b'{"query": "a cup", "rerank": false}' + b" " * 20_000
    parts = b"".join(b"1\r\n%c\r\n" % one for one in body) + b"0\r\n\r\n"
    assert answers(server, CHUNKED + parts + ending(LIVE), close=False) == [b"HTTP/1.1 200 OK"] * 2


def test_what_follows_a_refused_body_is_the_next_request(server: tuple[str, int], engine: FakeEngine) -> None:
    wrong = b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
    found = answers(server, wrong % len(LIVE), LIVE + ending(LIVE), close=False)
    assert found == [b"HTTP/1.1 415 Unsupported Media Type", b"HTTP/1.1 200 OK"]
