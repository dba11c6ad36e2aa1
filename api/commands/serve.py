"""``veralens serve``: the HTTP API and the web page."""

from __future__ import annotations

import gc
import logging
import socket
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api import console
from api.commands import options

if TYPE_CHECKING:
    from api.config import Sources
    from api.service import Engine, Service
    from api.settings import Settings

Anonymous = Annotated[
    bool, typer.Option("--allow-anonymous", help="Listen beyond this machine although no API keys are set.")
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings as TOML.  [env: VERALENS_CONFIG]")
]
PrintConfig = Annotated[bool, typer.Option("--print-config", help="Print every setting and its source, and stop.")]


class LogFormat(StrEnum):
    text = "text"
    json = "json"


class LogLevel(StrEnum):
    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


LogFormatOption = Annotated[LogFormat | None, typer.Option("--log-format", help="How stderr is written.")]
LogLevelOption = Annotated[
    LogLevel | None, typer.Option("--log-level", help="info has a line for each request.  (default: info)")
]


def serve(
    collection: options.CollectionPath = None,
    host: options.Host = None,
    port: options.Port = None,
    allow_anonymous: Anonymous = False,
    models: options.Models = None,
    encoder: options.Encoder = None,
    reranker: options.Reranker = None,
    adapter: options.Adapter = None,
    config: Config = None,
    print_config: PrintConfig = False,
    log_format: LogFormatOption = None,
    log_level: LogLevelOption = None,
    as_json: options.Json = False,
) -> None:
    """Serve a collection over HTTP, with a web page.

    With --json, one document says where, as soon as it listens. docs/operations.md has every setting.
    """
    from api.config import Sources
    from api.server import listen
    from api.settings import Settings
    from rerank.hardware import keep_freed_memory
    from retrieval.collection import Collection

    door = {"host": host, "port": port, "allow_anonymous": allow_anonymous or None}
    log = {"log_format": log_format and log_format.value, "log_level": log_level and log_level.value}
    flags: dict[str, object] = {"collection": collection, "adapter": adapter}
    flags |= options.chosen_models(models, encoder, reranker)
    flags |= door
    flags |= log
    settings = Settings.load(config, **flags)
    if print_config:
        show(settings, Sources.of(config, flags), as_json=as_json)
        return
    keep_freed_memory()
    settings.check_door()
    # Now, rather than in the background, so that a wrong path ends the command at once.
    Collection.open(options.needed_collection(settings)).close()
    run(settings, listen(settings.host, settings.port), as_json=as_json)


def show(settings: Settings, sources: Sources, *, as_json: bool) -> None:
    """Every setting with its source, as a configuration file or, with ``as_json``, as a document; no secrets."""
    from api.config import as_toml, hidden

    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    if as_json:
        rows = {
            name: {"value": hidden(value), "source": sources.name(name) if sources.given(name) else "default"}
            for name, value in values.items()
        }
        console.document(rows)
    else:
        console.print_out(as_toml(values, sources))


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
    from api import logs
    from api.app import create_app
    from api.server import Server

    logs.configure(settings.log_format, settings.log_level)
    # Programs that read the log as JSON read nothing else.
    note = console.note if settings.log_format == "text" else logging.getLogger("veralens").info

    def announce(url: str) -> None:
        note(f"Veralens is at {url}{path}  (Ctrl-C stops it)")
        if as_json:
            console.document({"url": url, "collection": str(settings.collection)})

    def when_loaded(service: Service) -> None:
        if service.failure is not None:
            server.stop()
        else:
            # What is loaded stays: searched for garbage with each request's, it would cost a quarter of the time that
            # requests are handled in.
            gc.collect()
            gc.freeze()
            gc.set_threshold(20_000, 10, 10)
            note("ready")

    app = create_app(settings, open_engine=open_engine, when_loaded=when_loaded)
    server = Server(app, settings, announce)
    try:
        server.run(listener)
    finally:
        # Else what is torn down at exit stays unseen, and libraries call it leaked, on stderr.
        gc.unfreeze()
    failure = app.state.service.failure
    if failure is not None:
        raise failure
