"""``veralens serve``: the HTTP API and the web page."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from api import console
from api.commands import options

if TYPE_CHECKING:
    from api.service import Engine, Service
    from api.settings import Settings

Anonymous = Annotated[
    bool, typer.Option("--allow-anonymous", help="Listen beyond this machine although no API keys are set.")
]


def serve(
    collection: options.CollectionPath = None,
    host: options.Host = None,
    port: options.Port = None,
    allow_anonymous: Anonymous = False,
    models: options.Models = None,
    encoder: options.Encoder = None,
    reranker: options.Reranker = None,
    as_json: options.Json = False,
) -> None:
    """Serve a collection over HTTP, with a web page.

    With --json, one document says where, as soon as it listens.
    """
    from api.server import listen
    from retrieval.collection import Collection

    flags = {"host": host, "port": port, "allow_anonymous": allow_anonymous or None}
    settings = options.settings_for(collection, models, encoder, reranker, **flags)
    settings.check_door()
    # Now, rather than in the background, so that a wrong path ends the command at once.
    Collection.open(options.needed_collection(settings)).close()
    run(settings, listen(settings.host, settings.port), as_json=as_json)


def run(
    settings: Settings,
    listener: socket.socket,
    *,
    open_engine: Callable[[], Engine] | None = None,
    path: str = "/",
    as_json: bool = False,
) -> None:
    """Serve on ``listener`` until told to stop; ``path`` is the page to point at.

    Raises:
        VeralensError: what kept the engine from loading.
    """
    from api.app import create_app
    from api.server import Server

    logging.basicConfig(format="veralens: %(message)s", level=logging.WARNING)

    def announce(url: str) -> None:
        console.note(f"Veralens is at {url}{path}  (Ctrl-C stops it)")
        if as_json:
            console.document({"url": url, "collection": str(settings.collection)})

    def when_loaded(service: Service) -> None:
        if service.failure is not None:
            server.stop()
        else:
            console.note("ready")

    app = create_app(settings, open_engine=open_engine, when_loaded=when_loaded)
    server = Server(app, settings, announce)
    server.run(listener)
    failure = app.state.service.failure
    if failure is not None:
        raise failure
