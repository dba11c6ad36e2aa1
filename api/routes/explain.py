"""``/v1/explain``: which word of a text is not in the picture; ``/v1/advice``: what no picture could prove."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request

from api.clients import unless_gone
from api.deadlines import countdown
from api.dependencies import DecoderNeeded, FetcherNeeded, ServiceNeeded, problems
from api.explain_schemas import AdviceDocument, AdviceResponse, AnyText, ExplainForm, ExplainRequest, ExplainResponse
from api.picture_requests import PictureRequests
from rerank.advice import advise

router = APIRouter(tags=["explain"])
REQUESTS = PictureRequests(ExplainForm, ExplainRequest)


@router.post("/v1/explain", openapi_extra=REQUESTS.openapi, responses=problems(400, 401, 404, 413, 415, 422, 429, 503))
async def explain(
    request: Request, service: ServiceNeeded, decoder: DecoderNeeded, fetcher: FetcherNeeded
) -> ExplainResponse:
    """The verdict on a text and on each part of it, and the words that are not in the picture, worst first.

    With `regions`, also where in the picture the evidence lies, as a grid.
    """
    asked = time.monotonic()
    source, sent = await REQUESTS.read(request, service, fetcher)
    image = await decoder.square(source, service.judge.image_size)
    left = countdown(sent.deadline_ms, asked)()
    explanation = service.explain(image, sent.text, sent.premise, regions=sent.regions, deadline_ms=left)
    return ExplainResponse.of(*await unless_gone(request, explanation), regions=sent.regions)


@router.get("/v1/advice", responses=problems(401, 422))
async def advice(
    text: Annotated[AnyText, Query(description="the text to be held against a picture")],
) -> AdviceResponse:
    """What in a text cannot be verified by looking, and what to write instead; no model is asked."""
    return AdviceResponse(advice=[AdviceDocument.of(one) for one in advise(text)])
