"""``/v1/search``: pictures for a query, ranked."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import JsonNeeded, ServiceNeeded, SettingsNeeded, problems
from api.pictures import query_image, wrong_field
from api.search_schemas import SearchParameters, SearchRequest, SearchResponse

router = APIRouter(tags=["search"], responses=problems(401, 404, 422, 429, 503))


@router.post("/v1/search", dependencies=[JsonNeeded], responses=problems(400, 413, 415))
async def search(body: SearchRequest, service: ServiceNeeded, settings: SettingsNeeded) -> SearchResponse:
    """Pictures for a query: candidates by similarity, ordered by the probability that each entails the query."""
    image = await query_image(body.image, settings.max_pixels)
    return SearchResponse.of(await service.search(body.query or "", image=image, **body.options()))


@router.get("/v1/search")
async def search_by_link(query: Annotated[SearchParameters, Query()], service: ServiceNeeded) -> SearchResponse:
    """The same as a link."""
    if query.image is not None and not query.image.startswith("img_"):
        raise wrong_field("image", "must be the id of an image here; send pictures with POST", "query")
    return SearchResponse.of(await service.search(query.q or "", image=query.image, **query.options()))
