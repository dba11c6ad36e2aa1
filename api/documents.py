"""Reading the documents of a rerank request: which picture each one means, in all the ways that others write it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError

from api.engine import Shelf
from api.schemas import MAX_TEXT, shown_path
from retrieval.errors import ImageNotFound

SEND = 'send {"image": "data:image/…;base64,…"}, or {"id": "img_…"} for an image of the collection'
NO_FETCHING = f"is at a URL, and this service fetches no URLs: {SEND}"
NO_PICTURE = f"holds no picture, and only pictures can be judged: {SEND}"

_ID = re.compile(r"img_[0-9a-f]{20}")
_URL = re.compile(r"[a-z][a-z0-9+.-]+://\S+", re.IGNORECASE)
_DATA_URI = re.compile(r"data:(?:image/|[^\s,]*;base64,)", re.IGNORECASE)
# How the base64 of a JPEG, PNG, GIF, WebP, TIFF and BMP begins. A word may begin so as well, but is shorter.
_BASE64 = re.compile(r"(?:/9j/|iVBORw0KGgo|R0lGOD|UklGR|SUkqA|TU0AK|Qk[0-3])[A-Za-z0-9+/_=\s-]{60}")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_LINE = re.compile(r"(\w+):[ \t]+(\S.*)")
_FIELDS = ("image", "image_url", "id", "caption", "text")
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue, config=ConfigDict(allow_inf_nan=False))


class BadDocument(Exception):
    """A document that cannot be judged; the message says why and what to send."""


class NoPicture(BadDocument):
    """A document of words, or with its picture where words belong: a client of a text reranker's, it seems."""


@dataclass(frozen=True)
class Link:
    """A picture that is still to be fetched."""

    url: str


@dataclass(frozen=True)
class Sent:
    """A document's picture, neither fetched nor decoded: a file of the collection, an image file's bytes, or a URL."""

    index: int
    picture: Path | bytes | Link
    caption: str | None
    image_id: str | None = None


@dataclass(frozen=True)
class Documents:
    """What was read of each document, or what is wrong with it, by its position."""

    sent: list[Sent] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)
    worded: set[int] = field(default_factory=set)

    @property
    def kept(self) -> dict[str, str]:
        """Which image of the collection a candidate is, by their ids."""
        return {str(one.index): one.image_id for one in self.sent if one.image_id is not None}


def looks_like_image(text: str) -> bool:
    """Whether a string is a data URI, a URL, an image id or the base64 of an image rather than words."""
    text = text.strip()
    return any(one.fullmatch(text) for one in (_ID, _URL)) or any(one.match(text) for one in (_DATA_URI, _BASE64))


def read_documents(documents: Sequence[object], shelf: Shelf, *, fetching: bool = False) -> Documents:
    """What ``documents`` hold; base64 is decoded, pictures are not. URLs are errors unless ``fetching``."""
    found = Documents()
    for index, document in enumerate(documents):
        try:
            found.sent.append(_sent(index, document, shelf, fetching))
        except BadDocument as error:
            found.errors[index] = str(error)
            if isinstance(error, NoPicture):
                found.worded.add(index)
    return found


def _sent(index: int, document: object, shelf: Shelf, fetching: bool) -> Sent:
    fields = _fields(document, fetching)
    image, caption = _image(fields), _caption(fields)
    if _ID.fullmatch(image):
        return _of_collection(index, image, caption, shelf)
    if not _URL.fullmatch(image):
        return Sent(index, _decoded(image), caption)
    if not fetching:
        raise BadDocument(f"image: {NO_FETCHING}")
    return Sent(index, Link(image), caption)


def _fields(document: object, fetching: bool) -> Mapping[str, Any]:
    """The document's fields; a string is its image where it looks like one."""
    _check_json(document)
    if isinstance(document, dict):
        return document
    if not isinstance(document, str):
        raise BadDocument(f"must be an object or a string, not {json.dumps(document)[:20]}: {SEND}")
    text = document.strip()
    if _URL.fullmatch(text) and not fetching:
        raise NoPicture(NO_FETCHING)
    if looks_like_image(text):
        return {"image": text}
    structured = _structured(text)
    _check_json(structured)
    if not {"image", "image_url", "id"} & structured.keys():
        raise NoPicture(NO_PICTURE)
    return structured


def _check_json(value: object) -> None:
    """Refuse NaN, lone surrogates and endless depth: Python reads them, but they can be neither tokenised nor sent."""
    try:
        _JSON.validate_python(value)
        for text in _strings(value):
            if not text.isascii():
                text.encode()
    except ValidationError as error:
        raise BadDocument(f"is not JSON: {error.errors(include_url=False)[0]['msg']}") from None
    except UnicodeEncodeError as error:
        raise BadDocument(f"is not JSON: {error}") from None


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value:
            yield from _strings(one)
        if isinstance(value, dict):
            for one in value.values():
                yield from _strings(one)


def _structured(text: str) -> dict[str, Any]:
    """The fields of an object as JSON or flat YAML: Cohere's v2 takes nothing but strings."""
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}
    return dict(_lines(text))


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        match = _LINE.fullmatch(line.rstrip())
        if match and match[1] in _FIELDS:
            value = match[2]
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            yield match[1], value[1:-1] if quoted else value


def _image(fields: Mapping[str, Any]) -> str:
    """The string that says which picture it is: a data URI, base64, a URL or an image id."""
    name = "image" if fields.get("image") is not None else "image_url"
    image = fields.get(name)
    if isinstance(image, dict):
        image = image.get("url")
    if isinstance(image, str):
        return image.strip()
    if image is not None:
        raise BadDocument(f"{name}: must be a string: {SEND}")
    if fields.get("id") is None:
        text = fields.get("text")
        if isinstance(text, str) and looks_like_image(text):
            raise NoPicture(f"text: is for words; {SEND}")
        raise NoPicture(NO_PICTURE) if text is not None else BadDocument(f"has neither image nor id: {SEND}")
    image = fields["id"]
    if not isinstance(image, str) or not _ID.fullmatch(image):
        raise BadDocument("id: must be that of an image of the collection, img_ and 20 hexadecimal digits")
    return image


def _caption(fields: Mapping[str, Any]) -> str | None:
    for name in ("caption", "text"):
        value = fields.get(name)
        if value is not None and not isinstance(value, str):
            raise BadDocument(f"{name}: must be a string")
        if value and value.strip():
            # As other rerankers do: what is too long is cut, not refused.
            return str(value.strip()[:MAX_TEXT])
    return None


def _of_collection(index: int, image_id: str, caption: str | None, shelf: Shelf) -> Sent:
    try:
        return Sent(index, shelf.file(image_id), caption or shelf.image(image_id).caption, image_id)
    except ImageNotFound as error:
        raise BadDocument(f"id: {shown_path(str(error))}") from None


def _decoded(image: str) -> bytes:
    """The bytes of a data URI or of base64, standard or URL-safe, line breaks allowed."""
    payload, reason = image, "must be a data URI (data:image/…;base64,…) or base64"
    if image[:5].lower() == "data:":
        head, comma, payload = image.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise BadDocument("image: is a data URI without base64; send data:image/…;base64,…")
        reason = "its base64 is damaged"
    try:
        digits = payload.encode("ascii").translate(_STANDARD, b" \t\r\n").rstrip(b"=")
        return base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)
    except ValueError:
        raise BadDocument(f"image: {reason}") from None
