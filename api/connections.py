"""Connections that cannot be held for ever: uvicorn's HTTP/1.1 with a time for everything that a client has to do.

uvicorn waits for a request as long as it takes, and for a reader, too. Here a client that keeps the server waiting
is let go: for its header, for its body, for taking its answer. And there are only so many places: when all are
taken, whoever has kept the server waiting longest gives way to the one who comes; requests that are being worked on
never do. Answers that are being computed hold no place in this: their clients are waiting for us.

What the models have no room for is turned away here, past the application: see ``room.py``.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Literal, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.admission import Shut
from api.metrics import Metrics
from api.room import DEADLINE, Room
from api.settings import Settings
from api.transports import Together
from api.wire import last_answer

# How long anybody may take before having to give way, in seconds.
GRACE = 1.0
# How many connections over the limit are told so at a time; what comes on top is cut off.
TOLD = 128
# How long what a refused client still sends is read and thrown away: cut off at once, it would lose the answer.
LINGER = 1.0
# When a time is over, how long sockets are looked at once more, in seconds: a loop that is late comes to its timers
# first, and what was sent in time may not have been read yet.
READ_FIRST = 0.002
# How many bytes may come in a row that are no part of a body: a header with cookies needs some thousands.
MOST_HEADER_BYTES = 2**16
# How many requests may be sent ahead, before the first of them is answered.
MOST_AHEAD = 16
Awaited = Literal["request", "header", "body", "reader"]


@dataclass(frozen=True)
class Patience:
    """How long a connection waits for its client, in seconds, and how many connections there may be."""

    connections: int
    header: float
    body: float
    reader: float

    @classmethod
    def of(cls, settings: Settings) -> Patience:
        """What the settings say."""
        return cls(settings.max_connections, settings.header_seconds, settings.body_seconds, settings.write_seconds)


def protocol(settings: Settings, metrics: Metrics, room: Room) -> type[asyncio.Protocol]:
    """The protocol class for ``uvicorn.Config(http=…)``."""
    patience = Patience.of(settings)

    class Impatient(Connection):
        def __init__(self, config: Config, **others: Any) -> None:
            super().__init__(config, patience=patience, metrics=metrics, room=room, **others)

    return Impatient


class Connection(HttpToolsProtocol):
    """One client's connection, with a clock for whatever it is awaited for, and limits that its parser has not."""

    def __init__(self, config: Config, *, patience: Patience, metrics: Metrics, room: Room, **others: Any) -> None:
        super().__init__(config, **others)
        self._patience = patience
        self._metrics = metrics
        self._room = room
        # Why the request at hand is not taken, and whether its client has been told.
        self._shut: Shut | None = None
        self._told = False
        self._awaited: Awaited | None = None
        self._since = 0.0
        self._refused = False
        self._clock: asyncio.TimerHandle | None = None
        # What the parser is at, and the bytes it has been given since it last brought something.
        self._part: Literal["nothing", "header", "body"] = "nothing"
        self._fruitless = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, Together(transport, self.loop)))
        others = cast("set[Connection]", self.connections)
        if len(others) <= self._patience.connections or self._displace(others):
            self._await()
            return
        self._reject("connections")
        if len(others) <= self._patience.connections + TOLD:
            self._refuse(503, "all places are taken; try again", {"Retry-After": "1"})
        else:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._fruitless += len(data)
        super().data_received(data)
        if self._fruitless > MOST_HEADER_BYTES and not self._refused:
            self._reject("malformed")
            self._refuse(431, f"the header is larger than {MOST_HEADER_BYTES:,} bytes, the most that is taken here")
        if len(self.pipeline) > MOST_AHEAD:
            self.send_400_response("too many requests were sent ahead of their answers")
        self._await()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._part = "header"

    def on_headers_complete(self) -> None:
        if self.parser.get_http_version() == "1.1" and sum(name == b"host" for name, _ in self.headers) != 1:
            raise ValueError("there must be one Host")
        self._part = "body"
        if self.cycle is None or self.cycle.response_complete:
            self._shut = self._room.shut(self.parser.get_method(), self.url, self.headers)
        if self._shut is not None and self._shut.for_any_deadline:
            self._turn_away(self._shut)
        elif self._shut is None or self.expect_100_continue:
            self._shut = None
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._fruitless = 0
        if self._shut is not None and not self._told:
            if DEADLINE not in body:
                self._turn_away(self._shut)
            else:
                self._shut = None
                super().on_headers_complete()
        if self._shut is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._part, self._fruitless = "nothing", 0
        if self._shut is None:
            self._room.let_in(self.url, self.cycle)
            super().on_message_complete()
            return
        if not self._told:
            self._turn_away(self._shut)
        self._shut, self._told = None, False
        if not self._keeps_alive:
            self.transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._await()

    def send_400_response(self, msg: str) -> None:
        self._reject("malformed")
        self._refuse(400, msg)

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(READ_FIRST, super().timeout_keep_alive_handler)

    def shutdown(self) -> None:
        if self._half_asked or (self._shut is not None and not self._told):
            self._refuse(503, "the service is shutting down", {"Retry-After": "5"})
        else:
            super().shutdown()

    @property
    def waits_since(self) -> float | None:
        """When this connection began to wait for its client; None while the client waits for us."""
        return None if self._awaited is None else self._since

    def let_go(self, reason: str) -> None:
        """End the connection, with an answer if the client may be waiting for one."""
        self._reject(reason)
        answered = self._told if self._shut else self.cycle is not None and self.cycle.response_started
        if self._half_asked or (self._awaited == "body" and not answered):
            self._refuse(408, f"the request's {self._awaited} did not come in time")
        else:
            self.transport.abort()

    @property
    def _half_asked(self) -> bool:
        """Whether a request has begun and its header has not ended."""
        return self._awaited == "header" and self._part == "header"

    @property
    def _keeps_alive(self) -> bool:
        """Whether another request may follow on the one at hand."""
        kept: bool = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        # Who asks before sending a body will not send it: nobody knows what comes next.
        return kept and not self.expect_100_continue

    def _turn_away(self, shut: Shut) -> None:
        """Say that there is no room for the request at hand, whose body is then passed over."""
        self._told = True
        self.transport.write(self._room.refusal(self.url, self.headers, shut.reason, keep_alive=self._keeps_alive))
        if self.expect_100_continue:
            self.transport.close()

    def _displace(self, others: set[Connection]) -> bool:
        """End the connection that has waited for its client the longest, if any has waited for long."""
        latest = time.monotonic() - GRACE
        waiting = [one for one in others if one.waits_since is not None and one.waits_since < latest]
        if not waiting:
            return False
        min(waiting, key=lambda one: one.waits_since or 0.0).let_go("displaced")
        return True

    def _await(self) -> None:
        """Set the clock to what the client is awaited for now; one that runs for the same thing runs on."""
        awaited = None if self._refused else self._now_awaited()
        if awaited == self._awaited:
            if awaited == "request" or (awaited == "reader" and not self._leaves_untaken):
                # Something has been asked and answered since.
                self._since = time.monotonic()
            return
        self._stop_clock()
        # Not the loop's time, which stands still while those who came together are looked at.
        self._awaited, self._since = awaited, time.monotonic()
        seconds = {"header": self._patience.header, "body": self._patience.body, "reader": self._patience.reader}
        # For the next request on a kept connection uvicorn waits, with a clock of its own.
        if awaited is not None and awaited != "request":
            self._clock = self.loop.call_later(seconds[awaited], self._look_again, awaited)

    def _now_awaited(self) -> Awaited | None:
        answered = self.cycle is None or self.cycle.response_complete
        if self.flow.write_paused or (self.cycle and answered and self.transport.get_write_buffer_size() > 0):
            return "reader"
        if self._part == "body":
            return "body"
        if not answered or self.pipeline:
            return None
        return "request" if self.timeout_keep_alive_task is not None else "header"

    @property
    def _leaves_untaken(self) -> bool:
        """Whether the client has not taken all that was sent; what is about to be is no fault of its."""
        return bool(self.flow.write_paused or cast(Together, self.transport).untaken)

    def _look_again(self, awaited: Awaited) -> None:
        self._clock = self.loop.call_later(READ_FIRST, self._over, awaited)

    def _over(self, awaited: Awaited) -> None:
        if awaited == "body" and self.flow.read_paused:
            # It is the server that does not read on.
            self._clock = self.loop.call_later(self._patience.body, self._look_again, awaited)
        elif awaited == "reader" and not self._leaves_untaken:
            self._awaited = None
            self._await()
        elif awaited == "header" and not self._half_asked:
            # Nothing was asked, so nothing is answered: browsers open connections ahead of need.
            self.transport.abort()
        else:
            self.let_go(f"slow_{awaited}")

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _refuse(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        """Answer with a problem document past the application, and end the connection."""
        self._refused = True
        self._stop_clock()
        self._awaited = None
        if self.cycle is not None:
            # The application finds its client gone.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.pipeline.clear()
        self.transport.write(last_answer(status, detail, tuple((headers or {}).items())))
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._clock = self.loop.call_later(LINGER, self.transport.abort)

    def _reject(self, reason: str) -> None:
        self._metrics.rejected.labels(reason=reason).inc()
