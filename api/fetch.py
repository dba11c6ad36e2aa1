"""Fetcher: pictures from the web, without letting strangers reach through this machine into its network."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import anyio
import httpcore
from anyio import Semaphore
from anyio.to_thread import run_sync

from api.addresses import is_public
from api.admission import QueueFull
from api.urls import PORTS, BadURL, Target, follow, parse_url

log = logging.getLogger("veralens")
Mode = Literal["off", "hosts", "guarded"]
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

MAX_REDIRECTS = 3
REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
TOTAL_SECONDS = 10.0
RESOLVE_SECONDS = 3.0
# At a time, and waiting; those beyond are refused at once.
AT_ONCE, MOST_WAITING, RETRY_AFTER = 8, 64, 5
# Look-ups that hang in the system's resolver keep a thread each.
_lookups = threading.BoundedSemaphore(32)


class FetchRefused(Exception):
    """A URL that was not fetched. One answer for all causes: strangers learn nothing of the network from it."""

    def __init__(self) -> None:
        super().__init__("cannot be fetched from here; send the picture itself")


class FetchOff(FetchRefused):
    """Fetching is switched off, which is no secret."""

    def __init__(self) -> None:
        Exception.__init__(self, "is at a URL, and this service fetches no URLs; send the picture itself")


class _Refused(Exception):
    """Why a URL was not fetched: for the log alone."""


@dataclass(frozen=True)
class FetchPolicy:
    """What may be fetched.

    Args:
        mode: nothing; only from ``hosts``; or from every host, guarded. Guarded or not, addresses must be public.
        hosts: ``example.org``, ``*.example.org`` for every name below, ``example.org:8080`` for another port.
        private: whether ``hosts`` may lie at addresses that are not public: for pictures of one's own network.
    """

    mode: Mode = "off"
    hosts: Collection[str] = ()
    private: bool = False

    def check(self, target: Target) -> None:
        """Refuse a host or port that may not be asked.

        Raises:
            BadURL: why not.
        """
        host, named = target.host, {one.lower() for one in self.hosts}
        parents = [f"*.{host.split('.', depth)[-1]}" for depth in range(1, host.count(".") + 1)]
        names = {host, *parents}
        if self.mode == "hosts" and named & {f"{name}:{target.port}" for name in names}:
            return
        if target.port not in PORTS.values():
            raise BadURL("has another port than 80 and 443")
        if self.mode == "hosts" and not named & names:
            raise BadURL("has a host that is not on the list")

    def admits(self, addresses: Iterable[str]) -> bool:
        """Whether every one of a host's addresses may be connected to."""
        return (self.mode == "hosts" and self.private) or all(map(is_public, addresses))


class Fetcher:
    """Fetches pictures by URL: the address is checked, then that very address is connected to. One event loop.

    Args:
        policy: what may be fetched.
        max_bytes: of one picture; more are refused while they come.
        seconds: for everything: looking up, connecting, redirections, the last byte.
        resolve: a host's addresses; by default those of the system's resolver.
        tls: trust for https; by default that of the system and of certifi.
        network: what connects to the addresses that were checked.
    """

    def __init__(
        self,
        policy: FetchPolicy,
        *,
        max_bytes: int,
        seconds: float = TOTAL_SECONDS,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self.policy = policy
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._resolve = resolve or _system_addresses
        self._tls = tls
        self._network = network or httpcore.AnyIOBackend()
        self._turns: Semaphore | None = None

    async def fetch(self, url: str) -> bytes:
        """The bytes at ``url``, whatever they are said to be: the decoder looks for itself.

        Raises:
            FetchRefused: it may not be fetched, or cannot; which of the two is not told.
            FetchOff: nothing is fetched here.
            QueueFull: too many wait already.
        """
        if self.policy.mode == "off":
            raise FetchOff
        if self._turns is None:  # here, because it belongs to a running event loop
            self._turns = Semaphore(AT_ONCE)
        if self._turns.statistics().tasks_waiting >= MOST_WAITING:
            raise QueueFull(RETRY_AFTER)
        async with self._turns:
            try:
                with anyio.fail_after(self._seconds):
                    return await self._follow(parse_url(url))
            except (BadURL, _Refused) as error:
                log.info("a URL was not fetched: it %s", error)
            except Exception as error:  # of the network, TLS, HTTP: httpcore's have no common base
                log.info("a URL was not fetched: %s %s", type(error).__name__, error)
        raise FetchRefused

    async def _follow(self, target: Target) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            self.policy.check(target)
            addresses = await self._addresses(target)
            found = await self._get(target, addresses)
            if isinstance(found, bytes):
                return found
            target = found
        raise _Refused("redirects too often")

    async def _addresses(self, target: Target) -> Sequence[str]:
        """The addresses of a host, looked up once and all of them checked."""
        if ":" in target.host or target.host.rpartition(".")[2].isdecimal():
            addresses: Sequence[str] = [target.host]
        else:
            with anyio.fail_after(RESOLVE_SECONDS):
                addresses = await self._resolve(target.host, target.port)
        if not addresses or not self.policy.admits(addresses):
            raise _Refused("leads to an address that is not public, or to none")
        return addresses

    async def _get(self, target: Target, addresses: Sequence[str]) -> bytes | Target:
        """The body, or where a redirection leads. Over a connection of its own, which nothing else ever uses."""
        if self._tls is None and target.scheme == "https":
            self._tls = httpcore.default_ssl_context()  # once: it reads all the certificates of the system
        url = httpcore.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
        )
        headers = [
            *(("Host", target.authority), ("User-Agent", "veralens"), ("Accept", "image/*")),
            *(("Accept-Encoding", "identity"), ("Connection", "close")),
        ]
        backend = _Pinned(addresses, self._network)
        async with (
            httpcore.AsyncConnectionPool(ssl_context=self._tls, max_connections=1, network_backend=backend) as pool,
            pool.stream("GET", url, headers=headers) as response,
        ):
            fields = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            if response.status in REDIRECTIONS:
                return follow(target, fields.get(b"location", "\\"))
            if response.status != 200:
                raise _Refused(f"was answered with {response.status}")
            return await self._body(response, fields.get(b"content-length", ""))

    async def _body(self, response: httpcore.Response, declared: str) -> bytes:
        if declared.isdecimal() and int(declared[:20]) > self._max_bytes:
            raise _Refused("has too many bytes")
        body = bytearray()
        async for chunk in response.aiter_stream():
            body += chunk
            if len(body) > self._max_bytes:
                raise _Refused("has too many bytes")
        return bytes(body)


class _Pinned(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked, whatever the host's name may lead to by now."""

    def __init__(self, addresses: Sequence[str], inner: httpcore.AsyncNetworkBackend) -> None:
        self._addresses = addresses
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002 (it was looked up already)
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception = OSError("no address")
        for address in self._addresses:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


async def _system_addresses(host: str, port: int) -> Sequence[str]:
    """The addresses of ``host`` by the system's resolver, each once."""

    def look_up() -> list[str]:
        if not _lookups.acquire(blocking=False):
            raise _Refused("was not looked up: too many look-ups hang")
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        finally:
            _lookups.release()
        return list(dict.fromkeys(str(one[4][0]) for one in found))

    return await run_sync(look_up, abandon_on_cancel=True)
