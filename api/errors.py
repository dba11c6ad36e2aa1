"""Every error as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import BaseRoute, Match

from api import request_ids
from api.admission import QueueFull
from api.batches import NoRoom
from api.service import NotReady
from api.worker import WorkerClosed
from rerank.errors import ImageError, ImageTooLarge, InputError, ModelError, VeralensError
from retrieval.errors import CollectionError, CollectionLocked, EncoderChanged, GenerationNotReached, ImageNotFound

MEDIA_TYPE = "application/problem+json"
Handler = Callable[[Request, Exception], JSONResponse]
UNEXPECTED = "something went wrong here; the server's log says what"
log = logging.getLogger("veralens")
# Answered with Retry-After: 429 where too much waits, else 503.
BUSY = (QueueFull, NotReady, NoRoom, WorkerClosed)
# The most special first: the first that fits decides.
STATUS: tuple[tuple[type[VeralensError], int], ...] = (
    (ImageNotFound, 404),
    (ImageTooLarge, 422),
    (ImageError, 415),
    (InputError, 422),
    (ModelError, 503),
    (CollectionError, 503),
)
# Who it is, and on what host, is for the log.
LOCKED = "the collection: another process is writing to it; try again when that has ended"


class Problem(HTTPException):
    """An error to answer with: a status, what is wrong in words, and the fields at fault."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.errors = list(errors)


def document(status: int, detail: str, instance: str, **others: Any) -> dict[str, Any]:
    """A problem document, with ``others`` as its last fields."""
    said = {"title": _phrase(status), "status": status, "detail": detail, "instance": instance}
    return {"type": "about:blank", **said, **others}


def problem(
    status: int,
    detail: str,
    instance: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem document as a response."""
    others: dict[str, Any] = {"errors": list(errors)} if errors else {}
    if (request_id := request_ids.current.get()) is not None:
        others["request_id"] = request_id
    answer = document(status, detail, instance, **others)
    return JSONResponse(answer, status, dict(headers or {}), media_type=MEDIA_TYPE)


def install(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Give ``app`` the handlers that turn every exception into a problem document; ``routes`` are all it has."""
    app.state.routes = routes
    for kind, handle in _HANDLERS:
        app.add_exception_handler(kind, _without_thread(handle))


def answer_to(request: Request, error: Exception) -> JSONResponse:
    """The problem document for an exception, as the handlers give it, for who has begun to answer already."""
    handle = next(handle for kind, handle in _HANDLERS if isinstance(error, kind))
    return handle(request, error)


def _without_thread(handle: Handler) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    """Starlette runs what is not async in a thread, and refusing must be cheap."""

    async def handled(request: Request, error: Exception) -> JSONResponse:
        return handle(request, error)

    return handled


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)
    detail = str(error.detail)
    if error.status_code == 404 and detail == "Not Found":
        detail = f"there is nothing at {request.url.path}; /docs lists what there is"
    elif error.status_code == 405:
        allowed = ", ".join(sorted(_methods(request)))
        detail = f"{request.method} is not done here; use {allowed}"
        return problem(405, detail, request.url.path, headers={"Allow": allowed})
    errors = error.errors if isinstance(error, Problem) else ()
    return problem(error.status_code, detail, request.url.path, errors=errors, headers=error.headers)


def _methods(request: Request) -> set[str]:
    """What the path takes by all of its routes together; starlette looks at the first only."""
    routes = [route for route in request.app.state.routes if route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in routes for method in getattr(route, "methods", None) or ()}


def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    broken = next((one for one in found if one["type"] == "json_invalid"), None)
    if broken is not None:
        reason = broken.get("ctx", {}).get("error", "it cannot be read")
        return problem(400, f"the body is not JSON: {reason} at character {broken['loc'][-1]}", request.url.path)
    errors = [_field_error(one) for one in found]
    detail = "; ".join(f"{one['field']}: {one['detail']}" for one in errors[:3])
    return problem(422, detail, request.url.path, errors=errors)


def _field_error(one: Mapping[str, Any]) -> dict[str, str]:
    """pydantic's error without its input, which may be huge, secret or not JSON."""
    place, *names = [str(part) for part in one["loc"]]
    message = str(one["msg"]).removeprefix("Value error, ")
    error = {"field": ".".join(names) or place, "in": place, "detail": message}
    if place == "body":
        escaped = [name.replace("~", "~0").replace("/", "~1") for name in names]
        error["pointer"] = "#" + "".join(f"/{name}" for name in escaped)
    return error


def _veralens(request: Request, error: Exception) -> JSONResponse:
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    soon = isinstance(error, GenerationNotReached | EncoderChanged)
    headers = {"Retry-After": "1" if soon else "60"} if status == 503 else None
    field = getattr(error, "field", None)
    errors = [{"field": field, "detail": str(error)}] if isinstance(field, str) else ()
    detail = _for_strangers(error, request.app.state.settings.collection)
    if detail != str(error):
        log.warning("answered with %d: %s", status, error)
    return problem(status, detail, request.url.path, errors=errors, headers=headers)


def _for_strangers(error: Exception, collection: Path | None) -> str:
    """What is wrong in words, without where on this machine the collection is, and who writes to it."""
    if isinstance(error, CollectionLocked):
        return LOCKED
    said = str(error)
    if isinstance(error, CollectionError) and collection is not None:
        for place in (str(collection.resolve()), str(collection)):
            said = said.replace(place, "the collection")
    return said


def _busy(request: Request, error: Exception) -> JSONResponse:
    status = 429 if isinstance(error, QueueFull) else 503
    retry_after = str(getattr(error, "retry_after", 5))
    return problem(status, str(error), request.url.path, headers={"Retry-After": retry_after})


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("unexpected error on %s %s", request.method, request.url.path, exc_info=error)
    return problem(500, UNEXPECTED, request.url.path)


# The first that fits decides.
_HANDLERS: tuple[tuple[type[Exception], Handler], ...] = (
    (StarletteHTTPException, _http),
    (RequestValidationError, _validation),
    *((busy, _busy) for busy in BUSY),
    (VeralensError, _veralens),
    (Exception, _unexpected),
)
