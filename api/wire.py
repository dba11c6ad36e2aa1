"""Problem documents as they go over the wire, for whoever is answered past the application."""

from __future__ import annotations

import json
from contextvars import Context
from functools import cache, lru_cache, partial
from http import HTTPStatus

from api import request_ids
from api.doors import SECURE, SECURITY_HEADERS
from api.errors import MEDIA_TYPE, document, problem


@cache
def last_answer(status: int, detail: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    """An answer after which the connection ends, and which names no request; of one kind they are all the same."""
    closing = SECURITY_HEADERS | {"Connection": "close"} | dict(headers)
    # Outside of any request, whose id it would carry.
    answer = Context().run(partial(problem, status, detail, "/", headers=closing))
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
    lines += [name + b": " + value for name, value in answer.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])


@lru_cache(128)
def refusal_parts(path: bytes, detail: str, retry_after: int, keep_alive: bool) -> tuple[bytes, bytes, bytes]:
    """A 429's head up to the request's id, and its body before and after the id."""
    said = document(429, detail, path.decode(), request_id="\0")
    before, after = json.dumps(said, separators=(",", ":")).split(json.dumps("\0")[1:-1])
    headers = [
        *SECURE,
        (b"content-type", MEDIA_TYPE.encode()),
        (b"retry-after", b"%d" % retry_after),
        *([] if keep_alive else [(b"connection", b"close")]),
        (request_ids.HEADER.lower().encode(), b""),
    ]
    lines = [b"HTTP/1.1 429 Too Many Requests", *(b"%s: %s" % header for header in headers)]
    return b"\r\n".join(lines), before.encode(), after.encode()
