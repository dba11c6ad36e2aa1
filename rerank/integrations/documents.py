"""What the integrations share: from a document to the image it stands for, from a verdict to its metadata."""

from __future__ import annotations

import base64
import binascii
import io
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname

import numpy as np
from PIL import Image

from rerank.errors import ImageError, InputError
from rerank.images import load_image
from rerank.reranker import EntailmentReranker
from rerank.types import Candidate, ImageSource, RankedCandidate

logger = logging.getLogger(__name__)

# Two letters at least: C: is a drive.
_SCHEME = re.compile(r"(?:data|file):|[a-z][a-z0-9+.-]+:(?=//)", re.IGNORECASE)
# How the base64 of a JPEG, PNG, GIF and WebP begins; no path does, but for a folder /9j at the root.
_BASE64 = ("/9j/", "iVBORw0KGgo", "R0lGOD", "UklGR")
_SHOWN = 60


@dataclass(frozen=True)
class Choice:
    """Which documents come back, and in which order.

    ``top_n`` is how many at most, ``min_entailment`` (0..1) what a judged one must reach;
    ``keep_unreadable`` says whether those that cannot be judged come last or not at all, and
    ``fusion_weight`` (0..1) how much the entailment counts beside stage one's similarity.
    """

    top_n: int | None = None
    min_entailment: float = 0.0
    keep_unreadable: bool = True
    fusion_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.top_n is not None and self.top_n < 1:
            raise InputError(f"the number of documents must be at least 1, not {self.top_n}")
        for field, value in (("min_entailment", self.min_entailment), ("fusion_weight", self.fusion_weight)):
            if not 0.0 <= value <= 1.0:
                raise InputError(f"{field} must be between 0 and 1, not {value}")

    def rank(
        self, reranker: EntailmentReranker, query: str, images: Sequence[Candidate | ImageError]
    ) -> list[RankedCandidate]:
        """Candidates best first, then those with an error; ``index`` is the place in ``images``."""
        ranked = reranker.rank(query, _readable(images), fusion_weight=self.fusion_weight)
        return self._chosen(images, ranked)

    async def arank(
        self, reranker: EntailmentReranker, query: str, images: Sequence[Candidate | ImageError]
    ) -> list[RankedCandidate]:
        """``rank`` off the event loop."""
        ranked = await reranker.arank(query, _readable(images), fusion_weight=self.fusion_weight)
        return self._chosen(images, ranked)

    def _chosen(
        self, images: Sequence[Candidate | ImageError], ranked: Sequence[RankedCandidate]
    ) -> list[RankedCandidate]:
        placed = [replace(one, index=int(one.id)) for one in ranked]
        judged = [one for one in placed if one.verdict is not None]
        unread = [one for one in placed if one.verdict is None]
        for index, image in enumerate(images):
            if isinstance(image, ImageError):
                unread.append(RankedCandidate(str(index), index, None, error=str(image)))
        unread.sort(key=lambda one: one.index)
        if unread and not judged:
            # Seldom bad luck: more often the wrong metadata key.
            logger.warning("none of %d documents could be judged; the first: %s", len(unread), unread[0].error)
        kept = [one for one in judged if one.verdict and one.verdict.entailment >= self.min_entailment]
        return [*kept, *(unread if self.keep_unreadable else ())][: self.top_n]


def candidate(
    index: int, value: object, *, caption: object = None, similarity: object = None
) -> Candidate | ImageError:
    """The document at ``index`` as a candidate: ``value`` is, or leads to, its image; see ``image_source``."""
    try:
        source = image_source(value)
    except ImageError as error:
        return error
    return Candidate(
        id=str(index),
        image=source,
        caption=caption if isinstance(caption, str) and caption.strip() else None,
        similarity=float(similarity) if isinstance(similarity, int | float | np.number) else None,
    )


def keyed_image(metadata: Mapping[Any, Any], key: str) -> object:
    """The value under ``key``; where there is none, an ImageError that names it, for ``candidate`` to pass on."""
    if metadata.get(key) is not None:
        return metadata[key]
    there = ", ".join(repr(name) for name in metadata) or "nothing"
    return ImageError(f"the document's metadata has no {key!r} to find its image by; it has {there}")


def verdict_metadata(one: RankedCandidate) -> dict[str, Any]:
    """What is written to a document's metadata: probabilities and label where it was judged, else ``error``.

    ``retrieval_score`` is the similarity that the document came with.
    """
    written: dict[str, Any] = {} if one.similarity is None else {"retrieval_score": one.similarity}
    if one.verdict is None:
        return {**written, "error": one.error}
    return {
        **written,
        "entailment": one.verdict.entailment,
        "neutral": one.verdict.neutral,
        "contradiction": one.verdict.contradiction,
        "label": one.verdict.label,
    }


def image_source(value: object) -> ImageSource:
    """The image that ``value`` stands for, without opening a file.

    Args:
        value: a path or file:// URL; the bytes of an image file, or a buffer of them; a data: URI or the
            base64 of a JPEG, PNG, GIF or WebP; a Pillow image or an array.

    Raises:
        ImageError: it is something else, or at a URL: nothing is ever fetched.
    """
    match value:
        case ImageError():
            raise value
        case str():
            return _from_text(value)
        case bytes() | bytearray() | memoryview():
            return bytes(value)
        case io.BytesIO():
            return value.getvalue()
        case Image.Image() | np.ndarray():
            return _in_memory(value)
        case os.PathLike():
            return os.fsdecode(value)
    raise ImageError(f"a {type(value).__name__} is no image: give a path, bytes, base64 or a data: URI")


def base64_image(field: str | bytes | None) -> object:
    """The image in a field for base64 (a data: URI will do), or an ImageError, for ``candidate`` to pass on."""
    if field is None or (isinstance(field, str) and field.startswith("data:")):
        return field
    try:
        return _decoded(field.encode() if isinstance(field, str) else field)
    except ImageError as error:
        return error


def _from_text(text: str) -> ImageSource:
    scheme = _SCHEME.match(text)
    if scheme is None:
        return _decoded(text.encode()) if text.startswith(_BASE64) else text
    match scheme.group().lower():
        case "data:":
            header, comma, payload = text.partition(",")
            if not comma or not header.lower().endswith(";base64"):
                raise ImageError("is a data: URI that holds no base64", _shown(text))
            return _decoded(unquote_to_bytes(payload))
        case "file:":
            return _from_file_url(text)
    raise ImageError("is at a URL, and nothing is fetched here: download it and give its path or bytes", _shown(text))


def _decoded(data: bytes) -> bytes:
    """The bytes of standard or URL-safe base64, line breaks allowed."""
    data = b"".join(data.split()).translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ImageError(f"is not base64 ({error})", _shown(data.decode("ascii", "replace"))) from error


def _from_file_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise ImageError(f"is on another machine, {parts.netloc!r}: give a path on this one", _shown(url))
    return url2pathname(parts.path)


def _in_memory(image: Image.Image | np.ndarray[Any, Any]) -> Image.Image:
    # Checked at once: an array of a wrong shape is the caller's error for the reranker, here one document's.
    try:
        return load_image(image)
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError(str(error)) from error


def _readable(images: Sequence[Candidate | ImageError]) -> list[Candidate]:
    return [image for image in images if isinstance(image, Candidate)]


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
