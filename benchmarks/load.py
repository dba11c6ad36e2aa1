"""An HTTP/1.1 client that asks at times of its own choosing, and costs the machine that it shares little."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import numpy as np

TIMEOUT = 120.0
REFUSED_SECONDS = 0.1
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)")
Make = Callable[[int], bytes]
Come = Callable[["Connection", int, bytes], object]


@dataclass(frozen=True)
class Answer:
    """One answer; ``status`` 0 stands for none. ``seconds`` are from ``sent`` to its end."""

    status: int
    sent: float
    seconds: float
    retry_after: bool = False


@dataclass
class Answers:
    """The answers of one run, which took ``seconds``."""

    seconds: float = 0.0
    answers: list[Answer] = field(default_factory=list)

    @property
    def accepted(self) -> list[Answer]:
        return [one for one in self.answers if one.status == 200]

    @property
    def rate(self) -> float:
        """Answers with 200 a second."""
        return len(self.accepted) / self.seconds

    def milliseconds(self, *percentiles: float) -> list[float]:
        """Percentiles of the time that accepted requests took."""
        times = [1000.0 * one.seconds for one in self.accepted]
        return [float(one) for one in np.percentile(times, percentiles)] if times else [float("nan")] * len(percentiles)

    def codes(self) -> dict[int, int]:
        """How often each status came."""
        statuses = [one.status for one in self.answers]
        return {status: statuses.count(status) for status in sorted(set(statuses))}


def post(url: str, path: str, body: bytes, kind: str = "application/json") -> bytes:
    """A request as it goes over the wire."""
    host = urlsplit(url).netloc
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def post_json(url: str, path: str, document: object) -> bytes:
    """A request with a JSON body."""
    return post(url, path, json.dumps(document).encode())


async def closed(url: str, make: Make, *, clients: int, seconds: float, first: int = 0) -> Answers:
    """``clients`` that each ask again as soon as they are answered; ``make`` gives request number n.

    One that is refused waits a moment: refusals would take the processor from what is measured.
    """
    start = time.perf_counter()
    found, numbers = Answers(), iter(range(first, 10**9))

    async def client() -> None:
        connection: Connection | None = None
        while time.perf_counter() - start < seconds:
            connection, answer = await _asked(url, connection, make(next(numbers)))
            found.answers.append(answer)
            if answer.retry_after:
                await asyncio.sleep(REFUSED_SECONDS)
        if connection is not None:
            connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    found.seconds = time.perf_counter() - start
    return found


async def opened(url: str, make: Make, *, rate: float, seconds: float, first: int = 0) -> Answers:
    """``rate`` requests a second, each at its time whether or not others were answered, over kept connections."""
    opening = _Opened(url)
    start = time.perf_counter()
    for number in range(int(rate * seconds)):
        # Who is late lets the loop come round all the same: answers would else lie unread, and seem to be late.
        await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
        opening.ask(make(first + number))
    # What comes later counts as answered, but not as time: the rate is that of the load.
    opening.found.seconds = time.perf_counter() - start
    await opening.end()
    return opening.found


class _Opened:
    """Asks over whatever connection is idle, and takes note of what comes when it comes: without a task for each."""

    def __init__(self, url: str) -> None:
        self.found = Answers()
        self._url = url
        self._idle: list[Connection] = []
        self._waiting: dict[Connection, float] = {}
        self._opening: set[asyncio.Task[None]] = set()

    def ask(self, request: bytes) -> None:
        """Send ``request`` now, over a new connection where none is idle."""
        sent = time.perf_counter()
        while self._idle and not self._idle[-1].is_open:
            self._idle.pop()
        if self._idle:
            self._send(self._idle.pop(), request, sent)
        else:
            task = asyncio.create_task(self._open(request, sent))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def end(self) -> None:
        """Wait for the last answers."""
        until = time.perf_counter() + TIMEOUT
        while (self._opening or self._waiting) and time.perf_counter() < until:
            await asyncio.sleep(0.05)
        for connection in [*self._waiting, *self._idle]:
            connection.close()
        while self._opening or self._waiting:
            await asyncio.sleep(0.05)

    async def _open(self, request: bytes, sent: float) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                connection = await Connection.open(self._url)
        except (OSError, TimeoutError):
            self.found.answers.append(Answer(0, sent, time.perf_counter() - sent))
        else:
            self._send(connection, request, sent)

    def _send(self, connection: Connection, request: bytes, sent: float) -> None:
        self._waiting[connection] = sent
        connection.send(request, self._come)

    def _come(self, connection: Connection, status: int, headers: bytes) -> None:
        sent = self._waiting.pop(connection)
        answer = Answer(status, sent, time.perf_counter() - sent, b"\r\nretry-after: " in headers)
        self.found.answers.append(answer)
        if status and b"\r\nconnection: close" not in headers:
            self._idle.append(connection)
        else:
            connection.close()


async def in_turn(url: str, make: Make, rounds: int, between: Callable[[int], None]) -> Answers:
    """``rounds`` requests over one kept connection, and ``between`` after each, for which nobody waits meanwhile."""
    connection: Connection | None = None
    found = Answers()
    for number in range(rounds):
        connection, answer = await _asked(url, connection, make(number))
        found.answers.append(answer)
        between(number)
    if connection is not None:
        connection.close()
    return found


class Connection(asyncio.Protocol):
    """A kept connection, over which one request at a time is asked."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._size = 0
        self._come: Come | None = None
        self._transport: asyncio.Transport | None = None
        self._head = b""

    @classmethod
    async def open(cls, url: str) -> Connection:
        parts = urlsplit(url)
        _, connection = await asyncio.get_running_loop().create_connection(cls, parts.hostname, parts.port)
        return connection

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def send(self, request: bytes, come: Come) -> None:
        """``come`` is called with the status and the headers of the answer; with 0 where there is none."""
        self._come = come
        if self._transport is None:
            self._end(0, b"")
        else:
            self._transport.write(request)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """The status and the headers of the answer, which is read to its end; 0 where there is none."""
        answered: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self.send(request, lambda _, *answer: answered.done() or answered.set_result(answer))
        return await answered

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None
        self._end(0, b"")

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._size and (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).lower()
            if (length := LENGTH.search(head)) is None:
                self.close()
                return
            self._head, self._size = head, end + 4 + int(length[1])
        if self._size and len(self._received) >= self._size:
            del self._received[: self._size]
            self._size = 0
            self._end(int(self._head[9:12]), self._head)

    def _end(self, status: int, headers: bytes) -> None:
        come, self._come = self._come, None
        if come is not None:
            come(self, status, headers)


async def _asked(url: str, connection: Connection | None, request: bytes) -> tuple[Connection | None, Answer]:
    sent, status, headers = time.perf_counter(), 0, b""
    try:
        async with asyncio.timeout(TIMEOUT):
            connection = connection or await Connection.open(url)
            status, headers = await connection.ask(request)
    except (OSError, TimeoutError):
        status = 0
    if connection is not None and (not status or b"\r\nconnection: close" in headers):
        connection.close()
        connection = None
    return connection, Answer(status, sent, time.perf_counter() - sent, b"\r\nretry-after: " in headers)


def expect(answers: Answers, statuses: Sequence[int] = (200,)) -> Answers:
    """The same answers; ends the benchmark when there are others among them."""
    if set(answers.codes()) - set(statuses):
        raise SystemExit(f"unexpected answers: {answers.codes()}")
    return answers
