"""An HTTP/1.1 client that asks at times of its own choosing: bare asyncio, so that it costs little."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np

TIMEOUT = 120.0
REFUSED_SECONDS = 0.1
Make = Callable[[int], bytes]


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
    start = time.perf_counter()
    found = Answers()
    idle: list[Connection] = []

    async def one(number: int) -> None:
        connection, answer = await _asked(url, idle.pop() if idle else None, make(first + number))
        found.answers.append(answer)
        if connection is not None:
            idle.append(connection)

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
            group.create_task(one(number))
        # What comes later counts as answered, but not as time: the rate is that of the load.
        found.seconds = time.perf_counter() - start
    for connection in idle:
        connection.close()
    return found


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
        self._answered: asyncio.Future[tuple[int, dict[bytes, bytes]]] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, url: str) -> Connection:
        parts = urlsplit(url)
        _, connection = await asyncio.get_running_loop().create_connection(cls, parts.hostname, parts.port)
        return connection

    async def ask(self, request: bytes) -> tuple[int, dict[bytes, bytes]]:
        """The status and the headers of the answer, which is read to its end."""
        if self._transport is None:
            raise OSError("the connection is closed")
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or EOFError())

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._answered is None or self._answered.done():
            return
        first, *lines = bytes(self._received[:end]).split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines)
        if b"content-length" not in headers:
            self._answered.set_exception(OSError("an answer of unknown length"))
        elif len(self._received) >= (size := end + 4 + int(headers[b"content-length"])):
            del self._received[:size]
            self._answered.set_result((int(first.split()[1]), headers))


async def _asked(url: str, connection: Connection | None, request: bytes) -> tuple[Connection | None, Answer]:
    sent, status = time.perf_counter(), 0
    headers: dict[bytes, bytes] = {}
    try:
        async with asyncio.timeout(TIMEOUT):
            connection = connection or await Connection.open(url)
            status, headers = await connection.ask(request)
    except (OSError, EOFError, TimeoutError):
        status = 0
    if connection is not None and (not status or headers.get(b"connection") == b"close"):
        connection.close()
        connection = None
    return connection, Answer(status, sent, time.perf_counter() - sent, b"retry-after" in headers)


def expect(answers: Answers, statuses: Sequence[int] = (200,)) -> Answers:
    """The same answers; ends the benchmark when there are others among them."""
    if set(answers.codes()) - set(statuses):
        raise SystemExit(f"unexpected answers: {answers.codes()}")
    return answers
