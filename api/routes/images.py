"""``/v1/images``: the pictures of the collection, by id, never by path."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.dependencies import EngineNeeded, ServiceNeeded, ThumbnailsNeeded, problems
from api.errors import Problem
from api.search_schemas import FilterText, SearchResponse
from api.thumbnails import DEFAULT_SIZE, SIZES, read_unchanged
from retrieval.types import ImageRecord

router = APIRouter(tags=["images"], responses=problems(401, 404, 415, 422, 429, 503))
# What every browser shows; pictures of other formats are handed out as JPEG.
SHOWN = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
    "BMP": "image/bmp",
}
# An id is made of the bytes: what it names never changes.
FOREVER = "private, max-age=31536000, immutable"
MOST_SIMILAR = 1_000
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/*": {}}, "description": "the picture"},
    304: {"description": "unchanged"},
}


def _record(image_id: Annotated[str, Path(max_length=64)], engine: EngineNeeded) -> ImageRecord:
    return engine.collection.image(image_id)


Record = Annotated[ImageRecord, Depends(_record)]


@router.get("/v1/images/{image_id}", response_class=Response, responses=_PICTURE)
async def image(record: Record, request: Request, engine: EngineNeeded, thumbnails: ThumbnailsNeeded) -> Response:
    """The picture as it was indexed, metadata included; an upright JPEG where browsers do not show its format."""
    tag = f'"{record.id}"'
    if _has(request, tag):
        return _unchanged(tag)
    data = await run_sync(_read, record, engine)
    kind = SHOWN.get(record.format.upper())
    if kind is None:
        data, kind = await thumbnails.encode(data, None), "image/jpeg"
    return _picture(data, kind, tag)


@router.get("/v1/images/{image_id}/thumbnail", response_class=Response, responses=_PICTURE)
async def thumbnail(
    record: Record,
    request: Request,
    engine: EngineNeeded,
    thumbnails: ThumbnailsNeeded,
    size: Annotated[int, Query(description=f"one of {', '.join(map(str, SIZES))}")] = DEFAULT_SIZE,
) -> Response:
    """A small JPEG of the picture, upright, without metadata."""
    if size not in SIZES:
        wrong = f"must be one of {', '.join(map(str, SIZES))}, not {size}"
        raise Problem(422, f"size: {wrong}", errors=[{"field": "size", "in": "query", "detail": wrong}])
    tag = f'"{record.id}-{size}"'
    if _has(request, tag):
        return _unchanged(tag)
    path = await run_sync(engine.collection.file, record.id)
    return _picture(await thumbnails.get(record, path, size), "image/jpeg", tag)


@router.get("/v1/images/{image_id}/similar")
async def similar(
    record: Record,
    service: ServiceNeeded,
    top_k: Annotated[int, Query(ge=1, le=MOST_SIMILAR, description="how many hits come back at most")] = 10,
    filter: Annotated[
        FilterText | None, Query(description="only images that this lets through, as for a search")
    ] = None,
) -> SearchResponse:
    """Pictures that look like this one, without itself; by similarity, since there is no text to check."""
    found = await service.search("", image=record.id, top_k=top_k + 1, rerank=False, filter=filter)
    others = tuple(hit for hit in found.hits if hit.id != record.id)[:top_k]
    return SearchResponse.of(replace(found, hits=others, next_cursor=None))


def _read(record: ImageRecord, engine: EngineNeeded) -> bytes:
    return read_unchanged(record, engine.collection.file(record.id))


def _has(request: Request, tag: str) -> bool:
    return tag in [known.strip().removeprefix("W/") for known in request.headers.get("if-none-match", "").split(",")]


def _unchanged(tag: str) -> Response:
    return Response(status_code=304, headers={"ETag": tag, "Cache-Control": FOREVER})


def _picture(data: bytes, kind: str, tag: str) -> Response:
    headers = {"ETag": tag, "Cache-Control": FOREVER, "Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(data, media_type=kind, headers=headers)
