"""What stands around every request: its id, its line in the log, its place in the metrics, its last resort."""

from __future__ import annotations

import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import logs, request_ids
from api.errors import UNEXPECTED, problem
from api.metrics import REFUSALS, UNMATCHED, Metrics
from api.service import Service

log = logging.getLogger("veralens")
# Asked for every few seconds by whatever watches over the service: not worth a line each.
WATCHED = frozenset({"/livez", "/readyz", "/metrics"})
# Nobody was there any more to be answered; nginx's number for it.
GONE = 499


class Recorder:
    """Gives every request an id, and counts, times and logs its answer.

    What nobody else has caught becomes a 500 here, inside of the security headers. While the service drains every
    answer closes its connection, so that whoever comes again comes to another server.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, service: Service) -> None:
        self.app = app
        self._metrics = metrics
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id, status = request_ids.chosen(Headers(scope=scope).get(request_ids.HEADER)), GONE

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[request_ids.HEADER] = request_id
                if self._service.state == "draining":
                    headers["Connection"] = "close"
            await send(message)

        token, start = request_ids.current.set(request_id), time.monotonic()
        try:
            await self.app(scope, receive, noted)
        except ClientDisconnect:
            pass
        except Exception as error:
            log.error("unexpected error on %s %s", scope["method"], _route(scope), exc_info=error)
            if status == GONE:
                await problem(500, UNEXPECTED, scope["path"])(scope, receive, noted)
        finally:
            self._record(scope, request_id, status, time.monotonic() - start)
            request_ids.current.reset(token)

    def _record(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        route = _route(scope)
        self._metrics.requests.labels(route=route, code=str(status)).inc()
        self._metrics.request_seconds.labels(route=route).observe(seconds)
        if status in REFUSALS:
            self._metrics.rejected.labels(reason=REFUSALS[status]).inc()
        level = logging.DEBUG if scope["path"] in WATCHED and status < 500 else logging.INFO
        client = scope.get("client")
        fields = {
            "request_id": request_id,
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(1000.0 * seconds, 1),
            "key": scope.get("state", {}).get("key"),
            "client": client[0] if client else None,
        }
        logs.say(level, "request", fields)


def _route(scope: Scope) -> str:
    """The route's template: known once the router has seen the request."""
    template: str = getattr(scope.get("route"), "path", UNMATCHED)
    return template
