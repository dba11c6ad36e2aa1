"""The HTTP application. ``veralens serve`` serves it; ``uvicorn --factory api.app:create_app`` without its limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from anyio.to_thread import run_sync
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api import errors, openapi, request_ids
from api.audits import Audits
from api.decoding import Decoder
from api.doors import BodyLimit, Keys, SecurityHeaders
from api.fetch import Fetcher, FetchPolicy
from api.hosts import Hosts, SameSite, allowed_hosts
from api.metrics import Metrics
from api.recorder import Recorder
from api.room import Room
from api.routes import audits, collection, entailment, explain, health, images, pages, rerank, search, uploads
from api.service import Engine, Service
from api.settings import Settings
from api.thumbnails import Thumbnails
from api.uploads import Uploads
from rerank.errors import InputError

log = logging.getLogger("veralens")
# How long the model worker may take for its last batch, in seconds.
CLOSE_SECONDS = 2.0
DESCRIPTION = (
    "Image search that checks its results: CLIP finds candidates, OFA visual entailment reads each one "
    "together with the query. Errors are application/problem+json (RFC 9457)."
)


def create_app(
    settings: Settings | None = None,
    *,
    open_engine: Callable[[], Engine] | None = None,
    when_loaded: Callable[[Service], None] | None = None,
) -> FastAPI:
    """The application over one collection.

    Args:
        settings: None reads the environment (``VERALENS_COLLECTION`` and so on).
        open_engine: called once, in the background; None opens the settings' collection.
        when_loaded: called from another thread when the engine has loaded or failed to; None logs a failure.
    """
    settings = settings or Settings.load()
    metrics = Metrics()
    service = Service(open_engine or _opener(settings), capacity=settings.max_queue, metrics=metrics)
    app = FastAPI(
        title="Veralens",
        version=_version(),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(service, when_loaded or _log_failure),
    )
    app.state.settings = settings
    app.state.service = service
    app.state.metrics = metrics
    app.state.room = Room(service.worker.admission, metrics)
    app.state.decoder = Decoder(
        max_pixels=settings.max_pixels,
        seconds=settings.decode_seconds,
        processes=settings.decode_processes,
        failed=lambda reason: app.state.metrics.decode_failures.labels(reason=reason).inc(),
    )
    policy = FetchPolicy(settings.fetch, settings.fetch_hosts, settings.fetch_private)
    app.state.fetcher = Fetcher(policy, max_bytes=settings.max_body_bytes)
    app.state.thumbnails = Thumbnails(app.state.decoder)
    app.state.uploads = Uploads(service, app.state.decoder)
    app.state.audits = Audits(service, settings, app.state.fetcher)
    modules = (search, entailment, explain, rerank, audits, images, uploads, collection, health, pages)
    routers = [module.router for module in modules]
    errors.install(app, [route for router in routers for route in router.routes])
    for router in routers:
        app.include_router(router)
    openapi.install(app, keyed=len(settings.key_ring()) > 0)
    _add_doors(app, settings)
    return app


def _add_doors(app: FastAPI, settings: Settings) -> None:
    """What a request passes before it reaches a route; the last one added stands outermost."""
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    app.add_middleware(Keys, ring=settings.key_ring(), page=pages.locked_page)
    app.add_middleware(SameSite, trusted=settings.cors_origins)
    app.add_middleware(Hosts, allowed=allowed_hosts(settings.host, settings.allowed_hosts))
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "X-API-Key", request_ids.HEADER),
            expose_headers=("Location", "Retry-After", request_ids.HEADER),
        )
    app.add_middleware(Recorder, metrics=app.state.metrics, service=app.state.service)
    app.add_middleware(SecurityHeaders)


def _lifespan(
    service: Service, when_loaded: Callable[[Service], None]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.start(when_loaded)
        app.state.audits.start(asyncio.get_running_loop())
        yield
        await run_sync(app.state.audits.close, CLOSE_SECONDS)
        # What was accepted has been answered by now; a batch that nobody waits for is not waited for.
        await run_sync(service.close, CLOSE_SECONDS)
        app.state.decoder.close()

    return lifespan


def _log_failure(service: Service) -> None:
    if service.failure is not None:
        log.error("cannot load: %s", service.failure)


def _opener(settings: Settings) -> Callable[[], Engine]:
    path = settings.collection
    if path is None:
        raise InputError("no collection is named: pass --collection DIR or set VERALENS_COLLECTION")

    def open_engine() -> Engine:
        # Here, because torch takes seconds to import and /livez must answer before.
        from retrieval import SearchEngine

        engine: Engine = SearchEngine.open(
            path,
            encoder=settings.encoder,
            reranker=settings.reranker,
            adapter=settings.adapter,
            device=settings.device,
            precision=settings.precision,
            fusion_weight=settings.fusion_weight,
        )
        return engine

    return open_engine


def _version() -> str:
    try:
        return version("veralens")
    except PackageNotFoundError:
        return "0"
