"""``/v1/search``: pictures for a query, ranked; ``/v1/search/stream``: the same while it goes on."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from api.clients import unless_gone
from api.dependencies import DecoderNeeded, JsonNeeded, ServiceNeeded, problems
from api.json_bodies import LargeJsonRoute
from api.pictures import query_image, wrong_field
from api.search_schemas import SearchParameters, SearchRequest, SearchResponse
from api.search_stream import MEDIA_TYPE, CandidatesLine, ErrorLine, ResultLine, ScoredLine, SearchStream

router = APIRouter(tags=["search"], responses=problems(401, 404, 422, 429, 503), route_class=LargeJsonRoute)
BODY_PROBLEMS = problems(400, 413, 415)
LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "JSON, one document a line: candidates, scored batches, and the result or an error",
        "model": CandidatesLine | ScoredLine | ResultLine | ErrorLine,
        "content": {
            MEDIA_TYPE: {
                "example": '{"type":"candidates","hits":[…],"collection":{…}}\n'
                '{"type":"scored","hits":[{"id":"img_…","score":0.93,…}],"judged":8,"of":100}\n'
                '{"type":"result","hits":[…],"reranked":true,"degraded":null,…}\n'
            }
        },
    }
}


@router.post("/v1/search", dependencies=[JsonNeeded], responses=BODY_PROBLEMS)
async def search(
    body: SearchRequest, request: Request, service: ServiceNeeded, decoder: DecoderNeeded
) -> SearchResponse:
    """Pictures for a query: candidates by similarity, ordered by the probability that each entails the query."""
    image = await query_image(body.image, decoder)
    search = service.search(body.query or "", image=image, **body.options())
    return SearchResponse.of(await unless_gone(request, search))


@router.get("/v1/search")
async def search_by_link(
    query: Annotated[SearchParameters, Query()], request: Request, service: ServiceNeeded
) -> SearchResponse:
    """The same as a link."""
    if query.image is not None and not query.image.startswith("img_"):
        raise wrong_field("image", "must be the id of an image here; send pictures with POST", "query")
    search = service.search(query.q or "", image=query.image, **query.options())
    return SearchResponse.of(await unless_gone(request, search))


@router.post(
    "/v1/search/stream",
    dependencies=[JsonNeeded],
    responses=BODY_PROBLEMS | LINES,
    response_class=StreamingResponse,
)
async def search_stream(
    body: SearchRequest, request: Request, service: ServiceNeeded, decoder: DecoderNeeded
) -> StreamingResponse:
    """The same search as lines of JSON: what stage one found at once, each judged batch, then the answer."""
    image = await query_image(body.image, decoder)
    stream = SearchStream(
        request, lambda watch: service.search(body.query or "", image=image, watch=watch, **body.options())
    )
    first = await stream.first()
    # Proxies that collect answers would undo it all.
    return StreamingResponse(stream.lines(first), media_type=MEDIA_TYPE, headers={"X-Accel-Buffering": "no"})
