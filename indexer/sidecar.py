"""Captions and tags that lie beside an image: ``name.json`` or ``name.txt`` for ``name.jpg``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".json", ".txt")
MAX_BYTES = 65_536
MAX_CAPTION = 4_096
MAX_TAGS = 256


@dataclass(frozen=True)
class Sidecar:
    """What the files beside an image say about it."""

    caption: str | None = None
    tags: tuple[str, ...] = ()


NO_SIDECAR = Sidecar()


class SidecarError(ValueError):
    """A sidecar that cannot be read; the image goes in without it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason


def read_sidecars(paths: tuple[str, ...]) -> Sidecar:
    """Caption and tags from the sidecars of one image; what JSON says counts before plain text.

    Raises:
        SidecarError: names the file and what is wrong with it.
    """
    caption: str | None = None
    tags: tuple[str, ...] = ()
    for path in paths:
        text = _read(path)
        found = _from_json(path, text) if path.lower().endswith(".json") else Sidecar(_clean(text))
        caption, tags = caption or found.caption, tags or found.tags
    return Sidecar(caption, tags)


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SidecarError(path, f"cannot be read ({error.strerror})") from error
    if len(data) > MAX_BYTES:
        raise SidecarError(path, f"is longer than the {MAX_BYTES} bytes that a caption file may have")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SidecarError(path, "is not UTF-8 text") from None


def _from_json(path: str, text: str) -> Sidecar:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SidecarError(path, f"is not JSON ({error})") from error
    if not isinstance(document, Mapping):
        return NO_SIDECAR  # somebody else's file
    caption, tags = document.get("caption"), document.get("tags", [])
    if caption is not None and not isinstance(caption, str):
        raise SidecarError(path, '"caption" is not a text')
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise SidecarError(path, '"tags" is not a list of texts')
    cleaned = (_clean(tag) for tag in tags[:MAX_TAGS])
    return Sidecar(_clean(caption or ""), tuple(dict.fromkeys(tag for tag in cleaned if tag)))


def _clean(text: str) -> str | None:
    # JSON can spell half a surrogate pair, which no file and no database takes.
    text = text.encode("utf-8", "replace").decode().replace("\0", " ").strip()
    return text[:MAX_CAPTION] or None
