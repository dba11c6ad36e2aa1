"""An HTTP/1.1 client that asks at times of its own choosing: raw sockets on asyncio, so that it costs little."""

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


async def once(url: str, request: bytes) -> Answers:
    """One request."""
    connection, answer = await _asked(url, None, request)
    if connection is not None:
        connection.close()
    return Answers(answer.seconds, [answer])


class Connection:
    """A kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: str) -> Connection:
        parts = urlsplit(url)
        assert parts.hostname
        return cls(*await asyncio.open_connection(parts.hostname, parts.port))

    async def ask(self, request: bytes) -> tuple[int, dict[bytes, bytes]]:
        """The status and the headers of the answer, which is read to its end."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in head[1:] if line)
        if b"content-length" not in headers:
            raise OSError("an answer of unknown length")
        await self._reader.readexactly(int(headers[b"content-length"]))
        return int(head[0].split()[1]), headers

    def close(self) -> None:
        self._writer.close()


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
