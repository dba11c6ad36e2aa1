"""What routes ask for: the service, the settings, and the documents of their errors."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request

from api.errors import MEDIA_TYPE, Problem
from api.schemas import ProblemDocument
from api.service import Engine, Service
from api.settings import Settings
from api.thumbnails import Thumbnails


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _engine(request: Request) -> Engine:
    return _service(request).engine


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _thumbnails(request: Request) -> Thumbnails:
    thumbnails: Thumbnails = request.app.state.thumbnails
    return thumbnails


def _json_body(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise Problem(415, f"Content-Type {kind or 'is missing: it'} must be application/json")


JsonNeeded = Depends(_json_body)
ReadyNeeded = Depends(_engine)
ServiceNeeded = Annotated[Service, Depends(_service)]
EngineNeeded = Annotated[Engine, Depends(_engine)]
SettingsNeeded = Annotated[Settings, Depends(_settings)]
ThumbnailsNeeded = Annotated[Thumbnails, Depends(_thumbnails)]

_SAID = {
    400: "malformed",
    401: "a key is needed",
    404: "not found",
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
