"""Serving the application: one socket, announced when it listens, closed when asked."""

from __future__ import annotations

import errno
import ipaddress
import signal
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from api.service import Service
from api.settings import Settings
from rerank.errors import InputError

Announce = Callable[[str], None]


class Server:
    """Runs an application until SIGTERM, Ctrl-C, ``stop``, or a failure to load.

    SIGTERM ends it in order, as a service manager expects; Ctrl-C raises KeyboardInterrupt afterwards.
    """

    def __init__(self, app: FastAPI, settings: Settings, announce: Announce) -> None:
        self._server = _Announcing(
            uvicorn.Config(
                app,
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=settings.shutdown_seconds,
            ),
            app.state.service,
            announce,
        )

    def run(self, listener: socket.socket) -> None:
        """Serve on ``listener`` until told to stop."""
        previous = signal.signal(signal.SIGTERM, lambda *_: None)
        try:
            self._server.run(sockets=[listener])
        finally:
            signal.signal(signal.SIGTERM, previous)

    def stop(self) -> None:
        """Finish what is running and end; from any thread."""
        self._server.should_exit = True


class _Announcing(uvicorn.Server):
    """Says its URL once it listens, and that it is going before it goes."""

    def __init__(self, config: uvicorn.Config, service: Service, announce: Announce) -> None:
        super().__init__(config)
        self._service = service
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets and self.started:
            self._announce(url_of(sockets[0]))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.drain()
        await super().shutdown(sockets)


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
