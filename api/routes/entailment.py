"""``/v1/entailment``: does this picture show what this text says?"""

from __future__ import annotations

import time

from fastapi import APIRouter, Request

from api.clients import unless_gone
from api.deadlines import countdown
from api.dependencies import DecoderNeeded, FetcherNeeded, ServiceNeeded, problems
from api.picture_requests import PictureRequests
from api.schemas import EntailmentForm, EntailmentRequest, EntailmentResponse
from api.tasks import Ticket

router = APIRouter(tags=["entailment"], responses=problems(400, 401, 404, 413, 415, 422, 429, 503))
REQUESTS = PictureRequests(EntailmentForm, EntailmentRequest)


@router.post("/v1/entailment", openapi_extra=REQUESTS.openapi)
async def entailment(
    request: Request, service: ServiceNeeded, decoder: DecoderNeeded, fetcher: FetcherNeeded
) -> EntailmentResponse:
    """The probabilities that the picture entails the text, leaves it open, or contradicts it."""
    asked = time.monotonic()
    source, sent = await REQUESTS.read(request, service, fetcher)
    # Before the picture is decoded, which costs as much as the check.
    service.worker.admission.check(Ticket(kind="check", deadline_ms=sent.deadline_ms))
    image = await decoder.square(source, service.judge.image_size)
    check = service.check(image, sent.text, sent.premise, countdown(sent.deadline_ms, asked)())
    return EntailmentResponse.of(*await unless_gone(request, check))
