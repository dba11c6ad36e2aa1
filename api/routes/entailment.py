"""``/v1/entailment``: does this picture show what this text says?"""

from __future__ import annotations

import time
from typing import Any, TypeVar

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile

from api.clients import unless_gone
from api.dependencies import DecoderNeeded, FetcherNeeded, ServiceNeeded, problems
from api.errors import Problem
from api.fetch import Fetcher, FetchOff, FetchRefused
from api.json_bodies import read_json
from api.pictures import from_data_uri, wrong_field
from api.schemas import EntailmentForm, EntailmentRequest, EntailmentResponse
from api.service import NO_TIME_MS, Service
from api.thumbnails import read_unchanged

M = TypeVar("M", bound=BaseModel)

router = APIRouter(tags=["entailment"], responses=problems(400, 401, 404, 413, 415, 422, 429, 503))
FORM = "multipart/form-data"
ONE_PICTURE = "send the picture's file in image, or its URL in image_url"
FORM_SCHEMA = {
    "type": "object",
    "required": ["text"],
    "properties": {
        "image": {"type": "string", "format": "binary", "description": "the picture's file"},
        "image_url": {"type": "string", "description": "its URL, instead, where the service fetches URLs"},
        "text": {"type": "string", "description": "the statement to hold against the picture"},
        "premise": {"type": "string", "description": "what is known of the picture beside its pixels"},
        "deadline_ms": {"type": "number", "description": "how long the verdict may be waited for, else 503"},
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
async def entailment(
    request: Request, service: ServiceNeeded, decoder: DecoderNeeded, fetcher: FetcherNeeded
) -> EntailmentResponse:
    """The probabilities that the picture entails the text, leaves it open, or contradicts it."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    asked = time.monotonic()
    sent: EntailmentForm | EntailmentRequest
    if kind == FORM:
        source, sent = await _from_form(request, fetcher)
    elif kind == "application/json" or kind.endswith("+json"):
        source, sent = await _from_json(request, service, fetcher)
    else:
        raise Problem(415, f"Content-Type {kind or 'is missing: it'} must be {FORM} or application/json")
    image = await decoder.square(source, service.judge.image_size)
    passed = 1000.0 * (time.monotonic() - asked)
    left = None if sent.deadline_ms is None else max(NO_TIME_MS, sent.deadline_ms - passed)
    check = service.check(image, sent.text, sent.premise, left)
    return EntailmentResponse.of(*await unless_gone(request, check))


def _check_fetching(url: str | None, fetcher: Fetcher) -> None:
    if url is not None and fetcher.policy.mode == "off":
        raise wrong_field("image_url", str(FetchOff()))


async def _fetched(url: str, fetcher: Fetcher) -> bytes:
    try:
        return await fetcher.fetch(url)
    except FetchRefused as error:
        raise wrong_field("image_url", str(error)) from None


async def _from_form(request: Request, fetcher: Fetcher) -> tuple[bytes, EntailmentForm]:
    try:
        async with request.form(max_files=1, max_fields=5, max_part_size=64 * 1024) as form:
            upload, fields = _parts(form)
            url = fields.pop("image_url", None)
            _check_fetching(url, fetcher)
            checked = _validated(EntailmentForm, fields)
            if upload is not None and url is None:
                return await upload.read(), checked
            if url is not None and upload is None:
                return await _fetched(url, fetcher), checked
            raise wrong_field("image", f"is {'missing' if url is None else 'given twice'}: {ONE_PICTURE}")
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
    return upload, fields


async def _from_json(request: Request, service: Service, fetcher: Fetcher) -> tuple[bytes, EntailmentRequest]:
    try:
        document = await read_json(await request.body())
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"the body is not JSON: {error}") from error
    body = _validated(EntailmentRequest, document)
    _check_fetching(body.image_url, fetcher)
    if body.image_url is not None:
        if body.image is not None:
            raise wrong_field("image_url", "is given beside image; send one of them")
        return await _fetched(body.image_url, fetcher), body
    if body.image is None:
        raise wrong_field("image", "is missing: send a data URI or the id of an image of the collection")
    if body.image.startswith("img_"):
        collection = service.engine.collection
        record = collection.image(body.image)
        return await run_sync(read_unchanged, record, collection.file(record.id)), body
    return await run_sync(from_data_uri, body.image), body


def _validated(model: type[M], fields: Any) -> M:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(found) from error
