"""From what a row calls its picture to the file or the bytes that hold it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from pathlib import Path

from rerank.errors import ImageError

# The bytes of a picture, or where they are.
Found = bytes | Path
Find = Callable[[str], Found]
IMAGE_ID = re.compile(r"img_[0-9a-f]{20}")
URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class PictureFinder:
    """Finds pictures by path below ``root``, and by id, URL or data URI where that is wanted.

    Args:
        root: where relative paths begin; None knows no files at all, for tables of strangers.
        ids: gives the picture of an image id, raising ImageError.
        fetch: gives the bytes of a URL, raising ImageError; None refuses URLs.
    """

    def __init__(
        self,
        root: Path | None,
        *,
        ids: Callable[[str], Found] | None = None,
        fetch: Callable[[str], bytes] | None = None,
    ) -> None:
        self._root = root
        self._ids = ids
        self._fetch = fetch

    def __call__(self, name: str) -> Found:
        """The picture called ``name``.

        Raises:
            ImageError: there is none, or it is not looked for.
        """
        if name[:5].lower() == "data:":
            return from_data_uri(name)
        if URL.match(name):
            return self._fetched(name)
        # A file of that name wins over an id: what lies there is what was meant.
        path = None if self._root is None else _file(self._root, name)
        if path is not None:
            return path
        if IMAGE_ID.fullmatch(name):
            if self._ids is None:
                raise ImageError("is the id of an image in a collection, and no collection is named")
            return self._ids(name)
        raise ImageError("does not exist" if self._root is not None else "is not among the pictures that were sent")

    def _fetched(self, url: str) -> bytes:
        if self._fetch is None:
            raise ImageError("is a URL, and URLs are not fetched here")
        return self._fetch(url)


def _file(root: Path, name: str) -> Path | None:
    """A file, None where nothing lies."""
    try:
        path = root / name
        if path.is_file():
            return path
        there = path.exists()
    except (OSError, ValueError):
        raise ImageError("is not a path that can be looked up") from None
    if there:
        raise ImageError("is not a file")
    return None


def from_data_uri(uri: str) -> bytes:
    """The bytes of a data URI.

    Raises:
        ImageError: it is damaged.
    """
    head, comma, payload = uri.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise ImageError("is a data URI without base64")
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise ImageError("is a data URI whose base64 is damaged") from None
