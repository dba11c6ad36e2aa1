"""``/v1/images``: the pictures of the collection, by id, never by path."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.dependencies import EngineNeeded, ThumbnailsNeeded, problems
from api.errors import Problem
from api.thumbnails import DEFAULT_SIZE, SIZES, read_unchanged
from retrieval.errors import ImageNotFound
from retrieval.types import ImageRecord

router = APIRouter(tags=["images"], responses=problems(401, 404, 415, 422, 503))
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
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/*": {}}, "description": "the picture"},
    304: {"description": "unchanged"},
}


def _record(image_id: Annotated[str, Path(max_length=64)], engine: EngineNeeded) -> ImageRecord:
    return engine.collection.image(image_id)


Record = Annotated[ImageRecord, Depends(_record)]


@router.get("/v1/images/{image_id}", response_class=Response, responses=_PICTURE)
def image(record: Record, request: Request, engine: EngineNeeded, thumbnails: ThumbnailsNeeded) -> Response:
    """The picture as it was indexed; JPEG where browsers do not show its format."""
    tag = f'"{record.id}"'
    if _has(request, tag):
        return _unchanged(tag)
    data = read_unchanged(record, engine.collection.file(record.id))
    kind = SHOWN.get(record.format.upper())
    if kind is None:
        data, kind = thumbnails.encode(data, None), "image/jpeg"
    return _picture(data, kind, tag)


@router.get("/v1/images/{image_id}/thumbnail", response_class=Response, responses=_PICTURE)
def thumbnail(
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
    try:
        path = engine.collection.file(record.id)
        return _picture(thumbnails.get(record, path, size), "image/jpeg", tag)
    except ImageNotFound as error:
        raise Problem(404, str(error)) from error


def _has(request: Request, tag: str) -> bool:
    return tag in [known.strip().removeprefix("W/") for known in request.headers.get("if-none-match", "").split(",")]


def _unchanged(tag: str) -> Response:
    return Response(status_code=304, headers={"ETag": tag, "Cache-Control": FOREVER})


def _picture(data: bytes, kind: str, tag: str) -> Response:
    headers = {"ETag": tag, "Cache-Control": FOREVER, "Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(data, media_type=kind, headers=headers)
