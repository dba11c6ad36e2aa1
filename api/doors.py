"""What stands between the network and the routes: keys, the body limit, security headers. See ``hosts.py``, too."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import Problem, problem
from api.keys import KeyRing

OPEN_PATHS = frozenset({"/livez", "/readyz", "/metrics"})
# The page's styles and scripts, which hold nothing of anybody's: with them the page asks for a key.
OPEN_FOLDER = "/web/"
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

# The same as they go out; what says nothing about caching is not to be kept.
SECURE = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
SECURE.append((b"cache-control", b"no-store"))
# Nothing that is left of a refused body must be taken for the next request.
CLOSING = {"Connection": "close"}
# How much of a refused body is still read, in limits, and for how long.
SWALLOWED = 4
SWALLOW_SECONDS = 5.0


class SecurityHeaders:
    """Adds the security headers to every response; what says nothing about caching is not to be kept."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                present = {name.lower() for name, _ in headers}
                message["headers"] = [*headers, *(one for one in SECURE if one[0] not in present)]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class Keys:
    """Lets in whoever shows one of the keys; everybody when there are none.

    A key comes as ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``. Browsers, which send neither on
    their own, are asked for a password (Basic) and give the key as that; at ``/`` they get ``page``, which
    asks for it. The key's name is left in the request's state, for the log.
    """

    def __init__(self, app: ASGIApp, ring: KeyRing, page: Callable[[], ASGIApp] | None = None) -> None:
        self.app = app
        self._ring = ring
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not len(self._ring) or path in OPEN_PATHS or path.startswith(OPEN_FOLDER):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        shown = _shown_key(headers)
        name = self._ring.name_of(shown) if shown is not None else None
        if name is not None:
            scope.setdefault("state", {})["key"] = name
            await self.app(scope, receive, send)
            return
        if self._page is not None and path == "/" and "text/html" in headers.get("accept", ""):
            await self._page()(scope, receive, send)
            return
        scheme = "Basic" if "text/html" in headers.get("accept", "") else "Bearer"
        reason = "this key is not known" if shown else "a key is needed"
        detail = f"{reason}: send Authorization: Bearer KEY, or X-API-Key: KEY"
        challenge = {"WWW-Authenticate": f'{scheme} realm="veralens"'}
        await problem(401, detail, scope["path"], headers=challenge)(scope, receive, send)


class BodyLimit:
    """Answers 413 to a body over the limit: at once when its length is given, else as soon as it grows past it."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "0")
        detail = f"the body is larger than {self.limit:,} bytes, the most that is taken here"
        if declared.isdecimal() and int(declared[:20]) > self.limit:
            # Whoever expects a 100 sends nothing before it, and is not given one.
            if "expect" not in headers:
                await self._swallow(receive)
            await problem(413, detail, scope["path"], headers=CLOSING)(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit:
                await self._swallow(receive)
                raise Problem(413, detail, headers=CLOSING)
            return message

        await self.app(scope, counted, send)

    async def _swallow(self, receive: Receive) -> None:
        """Read on for a while and keep nothing: a sender that is cut off in the middle loses the answer."""
        left = SWALLOWED * self.limit
        with suppress(TimeoutError):
            async with asyncio.timeout(SWALLOW_SECONDS):
                while left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return


def _shown_key(headers: Headers) -> str | None:
    if "x-api-key" in headers:
        return headers["x-api-key"]
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None
