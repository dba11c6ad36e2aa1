"""The HTTP application: ``uvicorn --factory api.app:create_app`` serves it, as ``veralens serve`` does."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from anyio.to_thread import run_sync
from fastapi import FastAPI

from api import errors
from api.doors import BodyLimit, Keys, SecurityHeaders
from api.routes import collection, entailment, health, images, pages, rerank, search
from api.service import Engine, Service
from api.settings import Settings
from api.thumbnails import Thumbnails
from rerank.errors import InputError

log = logging.getLogger("veralens")
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
    service = Service(open_engine or _opener(settings), capacity=settings.max_queue)
    app = FastAPI(
        title="Veralens",
        version=_version(),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(service, settings, when_loaded or _log_failure),
    )
    app.state.settings = settings
    app.state.service = service
    app.state.thumbnails = Thumbnails(max_pixels=settings.max_pixels)
    routers = [module.router for module in (search, entailment, rerank, images, collection, health, pages)]
    errors.install(app, [route for router in routers for route in router.routes])
    for router in routers:
        app.include_router(router)
    # The last one added stands outermost.
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    app.add_middleware(Keys, keys=[key.get_secret_value() for key in settings.api_keys])
    app.add_middleware(SecurityHeaders)
    return app


def _lifespan(
    service: Service, settings: Settings, when_loaded: Callable[[Service], None]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start(when_loaded)
        yield
        await run_sync(service.close, settings.shutdown_seconds)

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
