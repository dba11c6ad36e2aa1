"""``/v1/search``: pictures for a query, ranked."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import JsonNeeded, ServiceNeeded, problems
from api.schemas import SearchParameters, SearchRequest, SearchResponse

router = APIRouter(tags=["search"], responses=problems(401, 422, 429, 503))


@router.post("/v1/search", dependencies=[JsonNeeded], responses=problems(400, 413, 415))
async def search(body: SearchRequest, service: ServiceNeeded) -> SearchResponse:
    """Pictures for a query: candidates by similarity, ordered by the probability that each entails the query."""
    return SearchResponse.of(await service.search(body.query, **body.options()))


@router.get("/v1/search")
async def search_by_link(query: Annotated[SearchParameters, Query()], service: ServiceNeeded) -> SearchResponse:
    """The same as a link."""
    return SearchResponse.of(await service.search(query.q, **query.options()))
