"""Turning away what the models would be asked for, while as much waits for them as may."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from typing import Protocol

from api import request_ids
from api.admission import Admission, QueueFull, Shut
from api.metrics import REFUSALS, Metrics
from api.wire import refusal_parts

# What the models are asked for while somebody waits, and the kinds of work that this can be.
ASKING = {
    b"/v1/search": ("search", "judged search"),
    b"/v1/search/stream": ("search", "judged search"),
    b"/v1/entailment": ("check",),
    b"/v1/explain": ("explanation",),
    b"/v1/rerank": ("rerank",),
    b"/v2/rerank": ("rerank",),
    b"/rerank": ("rerank",),
}
METHODS = (b"GET", b"POST")
# Who has named a deadline may wait for longer than others: how long, the route reads.
DEADLINE = b"deadline_ms"
# How often the log says how many were refused, in seconds.
SAID_EVERY = 10.0
# How long the loop sleeps once somebody was turned away, in seconds.
REST = 0.006
Headers = Sequence[tuple[bytes, bytes]]
log = logging.getLogger("veralens")


class Asked(Protocol):
    """A request and how far its answer is."""

    response_started: bool
    disconnected: bool


class Room:
    """Says 429 where there is no room, before anything of a request but its header has been looked at.

    The queue would refuse it as well. Under ten times the load that can be answered, refusing is most of what there
    is to do, and whatever it costs is taken from the answers: so the connection does it itself, with an answer as it
    goes over the wire. It is counted but has no line in the log, and comes before keys are asked for. What a browser
    sends from another origin is left to the queue: it needs CORS.
    """

    def __init__(self, admission: Admission, metrics: Metrics) -> None:
        self._admission = admission
        self._rejected = metrics.rejected.labels(reason=REFUSALS[429])
        self._counts = {path: metrics.requests.labels(route=path.decode(), code="429") for path in ASKING}
        self._refused = 0
        self._said = 0.0
        # Who was let in; and, until somebody looks, some that have been answered since.
        self._let_in: list[Asked] = []
        # When the last rest ended.
        self._rested = 0.0

    def shut(self, method: bytes, target: bytes, headers: Headers) -> Shut | None:
        """Why there is no room for such a request; None where there may be. Names of headers are in lower case."""
        path, _, query = target.partition(b"?")
        kinds = ASKING.get(path)
        if kinds is None or method not in METHODS or (shut := self._admission.look(kinds, self._unanswered)) is None:
            return None
        if (DEADLINE in query and not shut.for_any_deadline) or _header(headers, b"origin") is not None:
            return None
        return shut

    def let_in(self, target: bytes, asked: Asked) -> None:
        """Take note of a request that has been read whole: if it is for the models, it is on its way to them."""
        if target.partition(b"?")[0] in ASKING:
            self._let_in.append(asked)

    def _unanswered(self) -> int:
        self._let_in = [one for one in self._let_in if not (one.response_started or one.disconnected)]
        return len(self._let_in)

    def refusal(self, target: bytes, headers: Headers, full: QueueFull, *, keep_alive: bool) -> bytes:
        """The answer to such a request; counts it."""
        path = target.partition(b"?")[0]
        self._count(path)
        asked = _header(headers, request_ids.HEADER.lower().encode())
        request_id = request_ids.chosen(asked.decode("latin-1") if asked is not None else None).encode()
        head, before, after = refusal_parts(path, str(full), full.retry_after, keep_alive)
        length = len(before) + len(request_id) + len(after)
        return b"%s%s\r\ncontent-length: %d\r\n\r\n%s%s%s" % (head, request_id, length, before, request_id, after)

    def _rest(self) -> None:
        """Sleep, loop and all: what comes meanwhile costs less together, and the models have the interpreter."""
        time.sleep(REST)
        self._rested = time.monotonic()

    def _count(self, path: bytes) -> None:
        now = time.monotonic()
        if now >= self._rested + REST:
            # At most half of the time: what was let in needs the loop to come round several times.
            self._rested = math.inf
            asyncio.get_running_loop().call_soon(self._rest)
        self._counts[path].inc()
        self._rejected.inc()
        self._refused += 1
        if now >= self._said + SAID_EVERY:
            log.warning("too many requests are waiting: %d refused", self._refused)
            self._refused, self._said = 0, now


def _header(headers: Headers, wanted: bytes) -> bytes | None:
    return next((value for name, value in headers if name == wanted), None)
