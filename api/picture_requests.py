"""Requests about one picture: a form with its file, or JSON that holds it, its id or its URL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from anyio.to_thread import run_sync
from fastapi import Request
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile

from api.errors import Problem
from api.fetch import Fetcher, FetchOff, FetchRefused
from api.json_bodies import read_json
from api.pictures import from_data_uri, wrong_field
from api.schemas import PictureDocument
from api.service import Service
from api.thumbnails import read_unchanged
from api.validation import validated

FORM = "multipart/form-data"
ONE_PICTURE = "send the picture's file in image, or its URL in image_url"


F = TypeVar("F", bound=BaseModel)
J = TypeVar("J", bound=PictureDocument)


@dataclass(frozen=True)
class PictureRequests(Generic[F, J]):
    """What a route takes: ``form``, the text fields beside the file, and ``json``."""

    form: type[F]
    json: type[J]

    @property
    def openapi(self) -> dict[str, Any]:
        """The route's ``openapi_extra``: both bodies."""
        fields = self.form.model_json_schema()
        told = {name: _without_null(field) for name, field in fields["properties"].items()}
        picture = {
            "image": {"type": "string", "format": "binary", "description": "the picture's file"},
            "image_url": {"type": "string", "description": "its URL, instead, where the service fetches URLs"},
        }
        form = fields | {"properties": picture | told}
        content = {FORM: {"schema": form}, "application/json": {"schema": self.json.model_json_schema()}}
        return {"requestBody": {"required": True, "content": content}}

    async def read(self, request: Request, service: Service, fetcher: Fetcher) -> tuple[bytes, F | J]:
        """The picture's bytes, and the fields that came with it.

        Raises:
            Problem, RequestValidationError: what is wrong with the request.
            ImageNotFound: the collection has no such picture.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == FORM:
            return await self._from_form(request, fetcher)
        if kind == "application/json" or kind.endswith("+json"):
            return await self._from_json(request, service, fetcher)
        raise Problem(415, f"Content-Type {kind or 'is missing: it'} must be {FORM} or application/json")

    async def _from_form(self, request: Request, fetcher: Fetcher) -> tuple[bytes, F]:
        try:
            async with request.form(max_files=1, max_fields=5, max_part_size=64 * 1024) as form:
                upload, fields = _parts(form)
                url = fields.pop("image_url", None)
                _check_fetching(url, fetcher)
                checked = validated(self.form, fields)
                if upload is not None and url is None:
                    return await upload.read(), checked
                if url is not None and upload is None:
                    return await _fetched(url, fetcher), checked
                raise wrong_field("image", f"is {'missing' if url is None else 'given twice'}: {ONE_PICTURE}")
        except (UnicodeDecodeError, LookupError) as error:
            raise Problem(400, f"the form cannot be read: {error}") from error

    async def _from_json(self, request: Request, service: Service, fetcher: Fetcher) -> tuple[bytes, J]:
        try:
            document = await read_json(await request.body())
        except (ValueError, RecursionError) as error:
            raise Problem(400, f"the body is not JSON: {error}") from error
        body = validated(self.json, document)
        return await _pictured(body, service, fetcher), body


async def _pictured(body: PictureDocument, service: Service, fetcher: Fetcher) -> bytes:
    _check_fetching(body.image_url, fetcher)
    if body.image_url is not None:
        if body.image is not None:
            raise wrong_field("image_url", "is given beside image; send one of them")
        return await _fetched(body.image_url, fetcher)
    if body.image is None:
        raise wrong_field("image", "is missing: send a data URI or the id of an image of the collection")
    if body.image.startswith("img_"):
        collection = service.engine.collection
        record = collection.image(body.image)
        return await run_sync(read_unchanged, record, collection.file(record.id))
    return await run_sync(from_data_uri, body.image)


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """A field's schema for a form, where what is not said is left out."""
    kinds = [kind for kind in field.get("anyOf", []) if kind != {"type": "null"}]
    return {name: value for name, value in field.items() if name not in ("anyOf", "default")} | {
        name: value for kind in kinds for name, value in kind.items()
    }


def _check_fetching(url: str | None, fetcher: Fetcher) -> None:
    if url is not None and fetcher.policy.mode == "off":
        raise wrong_field("image_url", str(FetchOff()))


async def _fetched(url: str, fetcher: Fetcher) -> bytes:
    try:
        return await fetcher.fetch(url)
    except FetchRefused as error:
        raise wrong_field("image_url", str(error)) from None


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
