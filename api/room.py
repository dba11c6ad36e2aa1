"""The door for what the models have to work on: shut while as much waits for them as may."""

from __future__ import annotations

import json
import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import request_ids
from api.admission import Admission, QueueFull, Shut
from api.doors import SECURE
from api.errors import MEDIA_TYPE, document
from api.metrics import REFUSALS, Metrics

# What the models are asked for while somebody waits, and the kinds of work that this can be.
ASKING = {
    "/v1/search": ("search", "judged search"),
    "/v1/search/stream": ("search", "judged search"),
    "/v1/entailment": ("check",),
    "/v1/explain": ("explanation",),
    "/v1/rerank": ("rerank",),
    "/v2/rerank": ("rerank",),
    "/rerank": ("rerank",),
}
# Who has named a deadline may wait for longer than others: how long, the route reads.
DEADLINE = b"deadline_ms"
# How often the log says how many were refused, in seconds.
SAID_EVERY = 10.0
HEADERS = [*SECURE, (b"content-type", MEDIA_TYPE.encode())]
log = logging.getLogger("veralens")


class Room:
    """Answers 429 where there is no room, before anything of a request is looked at; stands outermost.

    The queue would refuse it as well. Under ten times the load that can be answered, refusing is most of what there
    is to do, and whatever it costs is taken from the answers. So a refusal here is counted but has no line in the log,
    and comes before keys are asked for. What a browser sends from another origin is left to the queue: it needs CORS.
    """

    def __init__(self, app: ASGIApp, admission: Admission, metrics: Metrics) -> None:
        self.app = app
        self._admission = admission
        self._rejected = metrics.rejected.labels(reason=REFUSALS[429])
        self._counts = {path: metrics.requests.labels(route=path, code="429") for path in ASKING}
        self._refused = 0
        self._said = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kinds = ASKING.get(scope["path"]) if scope["type"] == "http" else None
        if kinds is None or (shut := self._admission.look(kinds)) is None or _has(scope, b"origin"):
            await self.app(scope, receive, send)
        elif shut.for_any_deadline:
            await self._refuse(scope, send, shut.reason)
        else:
            await self._refuse_but_patient(scope, receive, send, shut)

    async def _refuse_but_patient(self, scope: Scope, receive: Receive, send: Send, shut: Shut) -> None:
        first = await receive()
        if DEADLINE in scope["query_string"] or DEADLINE in first.get("body", b""):
            await self.app(scope, _again(first, receive), send)
        else:
            await self._refuse(scope, send, shut.reason)

    async def _refuse(self, scope: Scope, send: Send, full: QueueFull) -> None:
        self._count(scope["path"])
        request_id = request_ids.chosen(_header(scope, request_ids.HEADER.lower().encode()))
        said = document(429, str(full), scope["path"], request_id=request_id)
        body = json.dumps(said, separators=(",", ":")).encode()
        headers = [
            *HEADERS,
            (b"content-length", b"%d" % len(body)),
            (b"retry-after", b"%d" % full.retry_after),
            (request_ids.HEADER.lower().encode(), request_id.encode()),
        ]
        if _has(scope, b"expect"):
            # Who asks before sending a body will not send it. What is sent, the connection passes over.
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": 429, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _count(self, path: str) -> None:
        self._counts[path].inc()
        self._rejected.inc()
        self._refused += 1
        if (now := time.monotonic()) >= self._said + SAID_EVERY:
            log.warning("too many requests are waiting: %d refused", self._refused)
            self._refused, self._said = 0, now


def _again(first: Message, receive: Receive) -> Receive:
    """``receive``, with what it gave first given once more."""
    given = [first]

    async def received() -> Message:
        return given.pop() if given else await receive()

    return received


def _header(scope: Scope, wanted: bytes) -> str | None:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), None)


def _has(scope: Scope, wanted: bytes) -> bool:
    return any(name == wanted for name, _ in scope["headers"])
