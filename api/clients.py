"""Clients that go away: what they asked for need not be computed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

T = TypeVar("T")


async def unless_gone(request: Request, answer: Coroutine[Any, Any, T]) -> T:
    """``answer``, for as long as the client waits for it; the request's body must have been read.

    Neither FastAPI nor uvicorn ends a handler whose client has gone.

    Raises:
        ClientDisconnect: the client has gone, and ``answer`` was cancelled, or not even begun.
    """
    watching = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.sleep(0)  # who has gone already is seen before anything is queued
        if watching.done():
            raise ClientDisconnect
    except BaseException:
        watching.cancel()
        answer.close()
        raise
    answering = asyncio.ensure_future(answer)
    try:
        await asyncio.wait({answering, watching}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            return answering.result()
        raise ClientDisconnect
    finally:
        watching.cancel()
        answering.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
