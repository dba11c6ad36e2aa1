"""Who may be meant by a request, and which page may have sent it.

A server on loopback is within reach of every page that the browser beside it opens. Two ways in are shut here: a
foreign name that is made to point at this machine (DNS rebinding), which shows in ``Host``; and a form that a foreign
page posts to it, which shows in ``Sec-Fetch-Site`` or ``Origin``. CORS alone shuts neither: it keeps answers from
pages, not requests from the server.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import problem

# Probes come by the machine's address, and learn nothing from these that a page could use.
ANY_HOST = frozenset({"/livez", "/readyz"})
LOOPBACK_NAMES = ("localhost", "*.localhost", "127.0.0.1", "[::1]")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def allowed_hosts(listening_on: str, named: Collection[str]) -> tuple[str, ...]:
    """The names to answer to: those that are named, or loopback's own when listening there, else any."""
    if named:
        return tuple(named)
    return (*LOOPBACK_NAMES, listening_on) if _is_loopback(listening_on) else ("*",)


class Hosts:
    """Answers 421 to a request for another host; ``*.example.org`` allows every name below, ``*`` all there are."""

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self.app = app
        self._names = {name.lower() for name in allowed if not name.startswith("*.")}
        self._endings = tuple(name[1:].lower() for name in allowed if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "*" in self._names or scope["path"] in ANY_HOST:
            await self.app(scope, receive, send)
            return
        host = _name(Headers(scope=scope).get("host", ""))
        if host in self._names or host.endswith(self._endings):
            await self.app(scope, receive, send)
            return
        detail = "this server does not answer to the name in Host; its operator can add it to allowed_hosts"
        await problem(421, detail, scope["path"])(scope, receive, send)


class SameSite:
    """Answers 403 to whatever changes or costs something and was sent by another site's page.

    Programs, which are no browsers, send neither header and pass.
    """

    def __init__(self, app: ASGIApp, trusted: Collection[str]) -> None:
        self.app = app
        self._trusted = frozenset(origin.lower() for origin in trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS or not self._foreign(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        detail = "another site's page sent this; its operator can add that site to cors_origins"
        await problem(403, detail, scope["path"])(scope, receive, send)

    def _foreign(self, headers: Headers) -> bool:
        origin = headers.get("origin", "").lower()
        if origin and self._trusted & {origin, "*"}:
            return False
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site not in ("same-origin", "none")
        return bool(origin) and urlsplit(origin).netloc != headers.get("host", "").lower()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _name(host: str) -> str:
    """``Host`` without its port and the dot that may end it."""
    name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    return name.lower().removesuffix(".")
