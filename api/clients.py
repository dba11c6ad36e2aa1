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
    waiting, over = asyncio.current_task(), False
    assert waiting is not None

    def end(_: asyncio.Future[None]) -> None:
        if not over:
            waiting.cancel()

    watching = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.sleep(0)  # who has gone already is seen before anything is queued
        if watching.done():
            raise ClientDisconnect
        watching.add_done_callback(end)
        return await answer
    except asyncio.CancelledError:
        if watching.done() and waiting.uncancel() == 0:
            raise ClientDisconnect from None
        raise
    finally:
        over = True
        watching.cancel()
        answer.close()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
