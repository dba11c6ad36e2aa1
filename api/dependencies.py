"""What routes ask for: the service, the settings, and the documents of their errors."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request

from api.decoding import Decoder
from api.errors import MEDIA_TYPE, Problem
from api.fetch import Fetcher
from api.metrics import Metrics
from api.schemas import ProblemDocument
from api.service import Engine, Service
from api.settings import Settings
from api.thumbnails import Thumbnails
from api.uploads import Uploads

# Functions that are not async would be run in a thread each: two hand-overs for a look at an attribute.


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _engine(request: Request) -> Engine:
    return (await _service(request)).engine


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _metrics(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


async def _thumbnails(request: Request) -> Thumbnails:
    thumbnails: Thumbnails = request.app.state.thumbnails
    return thumbnails


async def _decoder(request: Request) -> Decoder:
    decoder: Decoder = request.app.state.decoder
    return decoder


async def _fetcher(request: Request) -> Fetcher:
    fetcher: Fetcher = request.app.state.fetcher
    return fetcher


async def _uploads(request: Request) -> Uploads:
    uploads: Uploads = request.app.state.uploads
    return uploads


async def _form_body(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise Problem(415, f"Content-Type {kind or 'is missing: it'} must be multipart/form-data")


async def _json_body(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise Problem(415, f"Content-Type {kind or 'is missing: it'} must be application/json")


JsonNeeded = Depends(_json_body)
FormNeeded = Depends(_form_body)
ReadyNeeded = Depends(_engine)
ServiceNeeded = Annotated[Service, Depends(_service)]
EngineNeeded = Annotated[Engine, Depends(_engine)]
SettingsNeeded = Annotated[Settings, Depends(_settings)]
MetricsNeeded = Annotated[Metrics, Depends(_metrics)]
FetcherNeeded = Annotated[Fetcher, Depends(_fetcher)]
DecoderNeeded = Annotated[Decoder, Depends(_decoder)]
ThumbnailsNeeded = Annotated[Thumbnails, Depends(_thumbnails)]
UploadsNeeded = Annotated[Uploads, Depends(_uploads)]

_SAID = {
    400: "malformed",
    401: "a key is needed",
    403: "not allowed here",
    404: "not found",
    409: "not in this state",
    413: "too large",
    415: "not an image, or not a media type, that is read here",
    422: "well-formed but wrong",
    429: "too many requests wait; see Retry-After",
    503: "loading, failed to load, or shutting down; see Retry-After",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's ``responses`` for these statuses, each a problem document."""
    return {
        status: {
            "description": _SAID[status],
            "model": ProblemDocument,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in statuses
    }
