"""``/v1/rerank``, ``/v2/rerank``, ``/rerank``: pictures by how well they fit a text, in the shapes that others use."""

from __future__ import annotations

import time
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Body, Request

from api.clients import unless_gone
from api.deadlines import countdown
from api.dependencies import DecoderNeeded, FetcherNeeded, JsonNeeded, ServiceNeeded, SettingsNeeded, problems
from api.documents import SEND, read_documents
from api.errors import Problem
from api.gathering import LATE, Gathering
from api.json_bodies import LargeJsonRoute
from api.rerank_schemas import PICTURE, RerankRequest, RerankResponse, TextRank, cohere_answer, tei_answer
from rerank.types import Ranking

router = APIRouter(tags=["rerank"], responses=problems(400, 401, 413, 415, 422, 429, 503), route_class=LargeJsonRoute)
EXAMPLES: dict[str, Any] = {
    "pictures": {
        "summary": "pictures, sent or of the collection",
        "value": {"query": "blue denim jeans", "documents": [{"image": PICTURE}, {"id": "img_…"}], "top_n": 1},
    },
    "cohere": {
        "summary": "Cohere: strings",
        "value": {"model": "rerank-v3.5", "query": "blue denim jeans", "documents": [PICTURE, "img_…"]},
    },
    "jina": {
        "summary": "Jina: pictures with what is known of them",
        "value": {
            "model": "jina-reranker-m0",
            "query": "a hot drink",
            "documents": [{"image": PICTURE, "text": "a cup of coffee"}],
            "return_documents": False,
        },
    },
    "tei": {
        "summary": "Text Embeddings Inference: the answer is an array",
        "value": {"query": "blue denim jeans", "texts": [PICTURE], "raw_scores": False},
    },
}


@router.post("/v1/rerank", dependencies=[JsonNeeded], response_model_exclude_unset=True)
@router.post("/v2/rerank", dependencies=[JsonNeeded], response_model_exclude_unset=True)
@router.post("/rerank", dependencies=[JsonNeeded], response_model_exclude_unset=True)
async def rerank(
    body: Annotated[RerankRequest, Body(openapi_examples=EXAMPLES)],
    request: Request,
    service: ServiceNeeded,
    settings: SettingsNeeded,
    decoder: DecoderNeeded,
    fetcher: FetcherNeeded,
) -> RerankResponse | list[TextRank]:
    """Pictures by falling probability that each entails the query; the bad ones are named, the others ranked."""
    name, documents = _documents(body, settings.max_documents)
    asked = time.monotonic()
    fetching = fetcher.policy.mode != "off"
    read = await run_sync(lambda: read_documents(documents, service.engine.collection, fetching=fetching))
    if len(read.worded) == len(documents):
        raise _wrong(name, read.errors[0])
    until = None if body.deadline_ms is None else asked + body.deadline_ms / 1000.0
    gathering = Gathering(read, fetcher, decoder, size=service.judge.image_size, until=until)
    candidates = await gathering.candidates()
    left = countdown(body.deadline_ms, asked)()
    ranking, model = await unless_gone(request, service.rerank(body.query, candidates, body.top_n, left, read.kept))
    errors = read.errors | _failures(ranking)
    if late := sum(detail == LATE for detail in errors.values()):  # those that were still being opened as well
        ranking.degraded = f"the deadline came before {late} of {len(documents)} pictures were judged"
    if name == "texts":
        return tei_answer(body, documents, ranking, errors)
    version = "2" if request.url.path.startswith("/v2/") else "1"
    return cohere_answer(body, documents, ranking, errors, model, version)


def _documents(body: RerankRequest, limit: int) -> tuple[str, list[Any]]:
    """The field that holds the documents, and the documents."""
    if body.documents is not None and body.texts is not None:
        raise _wrong("texts", "send either documents or texts")
    name, documents = ("texts", body.texts) if body.texts is not None else ("documents", body.documents)
    if documents is None:
        raise _wrong(name, f"is missing: send a list; {SEND}")
    if len(documents) > limit:
        raise _wrong(name, f"holds {len(documents):,} documents, more than {limit:,}; send them in several requests")
    return name, documents


def _failures(ranking: Ranking) -> dict[int, str]:
    return {int(one.id): LATE if one.error is None else f"image: {one.error}" for one in ranking if one.verdict is None}


def _wrong(field: str, detail: str) -> Problem:
    return Problem(422, f"{field}: {detail}", errors=[{"field": field, "in": "body", "detail": detail}])
