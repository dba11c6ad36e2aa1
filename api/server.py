"""Serving the application: one socket, announced when it listens, closed when asked."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from api.connections import protocol
from api.service import Service
from api.settings import Settings
from rerank.errors import InputError

Announce = Callable[[str], None]
# How often a server that drains looks whether it is to end at once, in seconds.
TICK = 0.1
# The models' thread gives the interpreter away at each operation, and under load would wait so long to have it back.
SWITCH_SECONDS = 0.0005
# What is left, after draining, for the last answers to reach their readers, in seconds.
CLOSING_SECONDS = 2


class Server:
    """Runs an application until SIGTERM, Ctrl-C, ``stop``, or a failure to load.

    SIGTERM ends it in order, as a service manager expects; Ctrl-C raises KeyboardInterrupt afterwards. A second one of
    either ends it at once.
    """

    def __init__(self, app: FastAPI, settings: Settings, announce: Announce) -> None:
        self._server = _Draining(
            uvicorn.Config(
                app,
                lifespan="on",
                http=protocol(settings, app.state.metrics, app.state.room),
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=settings.keep_alive_seconds,  # type: ignore[arg-type]  # a part of a second is fine
                timeout_graceful_shutdown=CLOSING_SECONDS,
                # Who may say on whose behalf it asks is a setting of ours, not uvicorn's variable.
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
            ),
            app.state.service,
            settings.shutdown_seconds,
            announce,
        )

    def run(self, listener: socket.socket) -> None:
        """Serve on ``listener`` until told to stop; in another than the main thread by ``stop`` alone."""
        sys.setswitchinterval(SWITCH_SECONDS)
        if threading.current_thread() is not threading.main_thread():
            self._server.run(sockets=[listener])
            return
        # uvicorn raises its signals again when it has ended.
        previous = signal.signal(signal.SIGTERM, lambda *_: None)
        try:
            self._server.run(sockets=[listener])
        finally:
            signal.signal(signal.SIGTERM, previous)

    def stop(self) -> None:
        """Finish what is running and end; from any thread."""
        self._server.should_exit = True


class _Draining(uvicorn.Server):
    """Says its URL once it listens, and goes without leaving anybody in the middle of an answer.

    While what was accepted is finished it goes on listening and answers 503, so that probes hear that it is going and
    nobody meets a closed door with a request already on its way.
    """

    def __init__(self, config: uvicorn.Config, service: Service, seconds: float, announce: Announce) -> None:
        super().__init__(config)
        self._service = service
        self._seconds = seconds
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets and self.started:
            self._announce(url_of(sockets[0]))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        accepted = set(self.server_state.tasks)
        self._service.drain()
        deadline = time.monotonic() + self._seconds
        while accepted and not self.force_exit and time.monotonic() < deadline:
            _, accepted = await asyncio.wait(accepted, timeout=TICK)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        InputError: the port is taken or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(f"port {port} is taken: name another with --port, or --port 0 for any") from error
        raise InputError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error


def url_of(listener: socket.socket) -> str:
    """The URL under which a listener answers."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
