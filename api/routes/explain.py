"""``/v1/explain``: which word of a text is not in the picture; ``/v1/advice``: what no picture could prove."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query

from api.dependencies import DecoderNeeded, JsonNeeded, ServiceNeeded, problems
from api.engine import Engine, Judge
from api.explain_schemas import AdviceDocument, AdviceResponse, AnyText, ExplainRequest, ExplainResponse
from api.pictures import from_data_uri
from api.service import NotReady, Service
from api.thumbnails import read_unchanged
from rerank.advice import advise
from rerank.explain import Explanation, explain_text, find_regions

router = APIRouter(tags=["explain"])


@router.post("/v1/explain", dependencies=[JsonNeeded], responses=problems(400, 401, 404, 413, 415, 422, 429, 503))
async def explain(body: ExplainRequest, service: ServiceNeeded, decoder: DecoderNeeded) -> ExplainResponse:
    """The verdict on a text and on each part of it, and the words that are not in the picture, worst first.

    With `regions`, also where in the picture the evidence lies, as a grid.
    """
    image = await decoder.square(await _picture(body.image, service), service.judge.image_size)

    def parts(engine: Engine) -> tuple[Explanation, str]:
        judge = _judge(engine)
        return explain_text(judge, image, body.text, body.premise), judge.name

    explanation, model = await service.run(parts)
    regions = None
    if body.regions:
        # A turn of its own: others are served between the two.
        regions = await service.run(lambda engine: find_regions(_judge(engine), image, body.text, body.premise))
    return ExplainResponse.of(replace(explanation, regions=regions), model)


@router.get("/v1/advice", responses=problems(401, 422))
async def advice(
    text: Annotated[AnyText, Query(description="the text to be held against a picture")],
) -> AdviceResponse:
    """What in a text cannot be verified by looking, and what to write instead; no model is asked."""
    return AdviceResponse(advice=[AdviceDocument.of(one) for one in advise(text)])


def _judge(engine: Engine) -> Judge:
    if engine.reranker is None:
        raise NotReady("no reranker is loaded; start the service with --reranker", retry_after=60)
    return engine.reranker


async def _picture(image: str, service: Service) -> bytes:
    if not image.startswith("img_"):
        return from_data_uri(image)
    collection = service.engine.collection
    record = collection.image(image)
    return await run_sync(read_unchanged, record, collection.file(record.id))
