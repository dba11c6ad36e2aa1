"""``/v1/entailment``: does this picture show what this text says?"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from PIL import Image
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile

from api.dependencies import ServiceNeeded, SettingsNeeded, problems
from api.errors import Problem
from api.pictures import from_data_uri, wrong_field
from api.schemas import EntailmentForm, EntailmentRequest, EntailmentResponse
from api.service import Service
from api.settings import Settings
from api.thumbnails import read_unchanged
from rerank.images import load_image

M = TypeVar("M", bound=BaseModel)

router = APIRouter(tags=["entailment"], responses=problems(400, 401, 404, 413, 415, 422, 429, 503))
FORM = "multipart/form-data"
NO_FETCHING = "this service fetches no URLs; send the picture itself as a multipart file or as a data URI in image"
FORM_SCHEMA = {
    "type": "object",
    "required": ["image", "text"],
    "properties": {
        "image": {"type": "string", "format": "binary", "description": "the picture's file"},
        "text": {"type": "string", "description": "the statement to hold against the picture"},
        "premise": {"type": "string", "description": "what is known of the picture beside its pixels"},
    },
}
BODY = {
    "required": True,
    "content": {
        FORM: {"schema": FORM_SCHEMA},
        "application/json": {"schema": EntailmentRequest.model_json_schema()},
    },
}


@router.post("/v1/entailment", openapi_extra={"requestBody": BODY})
async def entailment(request: Request, service: ServiceNeeded, settings: SettingsNeeded) -> EntailmentResponse:
    """The probabilities that the picture entails the text, leaves it open, or contradicts it."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        source, text, premise = await _from_form(request)
    elif kind == "application/json" or kind.endswith("+json"):
        source, text, premise = await _from_json(request, service)
    else:
        raise Problem(415, f"Content-Type {kind or 'is missing: it'} must be {FORM} or application/json")
    image = await run_sync(_decode, source, settings)
    return EntailmentResponse.of(*await service.check(image, text, premise))


def _decode(source: bytes, settings: Settings) -> Image.Image:
    return load_image(source, max_pixels=settings.max_pixels)


async def _from_form(request: Request) -> tuple[bytes, str, str | None]:
    try:
        async with request.form(max_files=1, max_fields=4, max_part_size=64 * 1024) as form:
            upload, fields = _parts(form)
            checked = _validated(EntailmentForm, fields)
            if upload is None:
                raise wrong_field("image", "is missing: send the picture's file in it")
            return await upload.read(), checked.text, checked.premise
    except (UnicodeDecodeError, LookupError) as error:
        raise Problem(400, f"the form cannot be read: {error}") from error


def _parts(form: FormData) -> tuple[UploadFile | None, dict[str, str]]:
    upload: UploadFile | None = None
    fields: dict[str, str] = {}
    for name, value in form.multi_items():
        if name == "image" and isinstance(value, UploadFile):
            upload = value
        elif name == "image":
            raise wrong_field("image", "must be a file with a file name, not a text field")
        elif isinstance(value, UploadFile):
            raise wrong_field(name, "must be a text field, not a file")
        elif name in fields:
            raise wrong_field(name, "is given twice")
        else:
            fields[name] = value
    if "image_url" in fields:
        raise wrong_field("image_url", NO_FETCHING)
    return upload, fields


async def _from_json(request: Request, service: Service) -> tuple[bytes, str, str | None]:
    try:
        document = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"the body is not JSON: {error}") from error
    body = _validated(EntailmentRequest, document)
    if body.image_url is not None:
        raise wrong_field("image_url", NO_FETCHING)
    if body.image is None:
        raise wrong_field("image", "is missing: send a data URI or the id of an image of the collection")
    if body.image.startswith("img_"):
        collection = service.engine.collection
        record = collection.image(body.image)
        return await run_sync(read_unchanged, record, collection.file(record.id)), body.text, body.premise
    return from_data_uri(body.image), body.text, body.premise


def _validated(model: type[M], fields: Any) -> M:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(found) from error
