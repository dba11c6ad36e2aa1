"""``/livez``, ``/readyz`` and ``/metrics``: for whatever watches over the service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Response

from api.dependencies import MetricsNeeded, ServiceNeeded, SettingsNeeded, problems
from api.errors import Problem
from api.health import Fault, ailments, hindrances
from api.metrics import MEDIA_TYPE
from api.openapi_examples import METRICS
from api.schemas import Health
from api.service import NotReady

router = APIRouter(tags=["health"])
PAGE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Prometheus's text format",
        "content": {"text/plain": {"schema": {"type": "string"}, "example": METRICS}},
    }
}


@router.get("/livez", responses=problems(503))
async def livez(service: ServiceNeeded, settings: SettingsNeeded) -> Health:
    """The process answers, and its model worker gets on; if not, restart it."""
    _pass(ailments(service, settings), retry_after=60)
    return Health(status="alive")


@router.get("/readyz", responses=problems(503))
def readyz(service: ServiceNeeded, settings: SettingsNeeded) -> Health:
    """Send it requests: the models have made a real inference, the collection can be read, the disk has room.

    Not while it loads or shuts down; each fault is named.
    """
    _pass(ailments(service, settings) or hindrances(service, settings), retry_after=2)
    return Health(status="ready")


@router.get("/metrics", response_class=Response, responses=PAGE)
async def metrics(metrics: MetricsNeeded, service: ServiceNeeded) -> Response:
    """What the service counts and measures, for Prometheus."""
    try:
        info = service.engine.info()
    except NotReady:
        pass
    else:
        metrics.index_generation.set(info.generation)
        metrics.images.set(info.images)
    return Response(metrics.page(), media_type=MEDIA_TYPE)


def _pass(faults: Sequence[Fault], retry_after: int) -> None:
    if faults:
        errors = [{"field": name, "detail": detail} for name, detail in faults]
        detail = "; ".join(detail for _, detail in faults)
        raise Problem(503, detail, errors=errors, headers={"Retry-After": str(retry_after)})
