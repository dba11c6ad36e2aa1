"""``/livez`` and ``/readyz``: for whatever watches over the service."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import ReadyNeeded, problems
from api.schemas import Health

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> Health:
    """The process answers."""
    return Health(status="alive")


@router.get("/readyz", dependencies=[ReadyNeeded], responses=problems(503))
async def readyz() -> Health:
    """The models are loaded, have made a real inference, and the service is not shutting down."""
    return Health(status="ready")
