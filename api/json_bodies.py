"""Large JSON bodies, read without holding up everybody else.

Python's parser keeps the interpreter to itself until it is done: a tenth of a second for 18 MB, even on another
thread. Nearly all of such a body is pictures in base64, so the long strings are cut out before and put back after.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.errors import Problem

# Bodies up to this are read in place: a thread would take longer.
SMALL = 64 * 1024
# Strings from this on are cut out.
LONG = 1024
# What may be left besides: enough for a thousand documents with captions.
MOST_BESIDES = 2 * 2**20


class LargeJsonRoute(APIRoute):
    """A route whose JSON body is read on another thread where it is large."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            return await handle(_JsonRequest(request.scope, request.receive))

        return handler


class _JsonRequest(Request):
    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = await read_json(await self.body())
        return self._json


async def read_json(body: bytes) -> Any:
    """The document in ``body``.

    Raises:
        ValueError: it is no JSON.
        Problem: 413, there is too much of it besides long strings.
    """
    if len(body) <= SMALL:
        return json.loads(body)
    return await run_sync(parse, body)


def parse(body: bytes) -> Any:
    """``json.loads``, but long strings cost next to nothing; raises as ``read_json``."""
    if json.detect_encoding(body) != "utf-8":
        return json.loads(body)
    mark = secrets.token_hex(8)
    rest, long = _cut(body, mark)
    if len(rest) > MOST_BESIDES:
        raise Problem(413, f"the body holds more than {MOST_BESIDES:,} bytes of JSON besides its pictures")
    try:
        document = json.loads(rest)
    except ValueError:
        return json.loads(body)  # which says where in the body
    return _restored(document, {f"{mark}{number}": text for number, text in enumerate(long)})


def _cut(body: bytes, mark: str) -> tuple[bytes, list[str]]:
    """``body`` with each long string replaced by ``mark`` and its number, and those strings."""
    kept: list[bytes] = []
    long: list[str] = []
    begin, start = 0, body.find(b'"')
    while start >= 0:
        end = body.find(b'"', start + 1)
        if end - start > LONG and body.find(b"\\", start, end) < 0:
            kept += [body[begin : start + 1], f"{mark}{len(long)}".encode()]
            long.append(body[start + 1 : end].decode())
            begin = end
        while end >= 0 and _escaped(body, end):
            end = body.find(b'"', end + 1)
        start = body.find(b'"', end + 1) if end >= 0 else -1
    return b"".join([*kept, body[begin:]]), long


def _escaped(body: bytes, place: int) -> bool:
    """Whether the character at ``place`` has an odd number of backslashes before it."""
    first = place
    while body[first - 1 : first] == b"\\":
        first -= 1
    return (place - first) % 2 == 1


def _restored(document: Any, long: dict[str, str]) -> Any:
    """``document`` with its marks replaced; not by recursion, since it may be deep."""
    if not long:
        return document
    top = [document]
    waiting: list[Any] = [top]
    while waiting:
        one = waiting.pop()
        for place, value in list(enumerate(one) if isinstance(one, list) else one.items()):
            if isinstance(value, str):
                one[place] = long.get(value, value)
            elif isinstance(value, list | dict):
                waiting.append(value)
        if isinstance(one, dict) and any(key in long for key in one):
            restored = {long.get(key, key): value for key, value in one.items()}
            one.clear()
            one.update(restored)
    return top[0]
