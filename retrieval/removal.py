"""Removing images so that they stay away: their content is remembered and ignored, wherever it turns up."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rerank.errors import InputError
from retrieval.catalog import Catalog, display_text
from retrieval.types import ImageRecord
from retrieval.writer import CollectionWriter

_ID = re.compile(r"img_[0-9a-f]{20}")


@dataclass(frozen=True)
class Ignored:
    """An image that was removed: its id, and the path that it had."""

    id: str
    path: str


def remove_images(writer: CollectionWriter, names: Sequence[str | os.PathLike[str]]) -> list[ImageRecord]:
    """Forget images, given by id or by the path of a file, with all their copies; durable when it returns.

    Their files stay where they are. Their content is ignored by every later indexing, until ``restore_images``.

    Returns: what was removed.

    Raises:
        InputError: one of ``names`` is not in the collection; nothing was removed.
    """
    catalog = writer.catalog
    with catalog.transaction():
        found = {name: _id_of(catalog, name) for name in (os.fspath(one) for one in names)}
        records = catalog.images([image_id for image_id in found.values() if image_id])
        unknown = [name for name, image_id in found.items() if image_id not in records]
        if unknown:
            raise InputError(f"{', '.join(map(_shown, unknown))}: not in {writer.path}; nothing was removed")
        for image_id, record in records.items():
            key, sha256 = catalog.connection.execute(
                "SELECT key, sha256 FROM image WHERE id = ?", (image_id,)
            ).fetchone()
            values = (sha256, image_id, record.paths[0])
            catalog.connection.execute("INSERT OR REPLACE INTO ignored VALUES (?, ?, ?)", values)
            catalog.forget([key])
    return list(records.values())


def restore_images(writer: CollectionWriter, names: Sequence[str | os.PathLike[str]]) -> list[Ignored]:
    """Let removed images, given by id or by the path they had, be taken in again by the next indexing.

    Raises:
        InputError: one of ``names`` was not removed; nothing was changed.
    """
    catalog = writer.catalog
    with catalog.transaction():
        ignored = ignored_images(catalog)
        by_name = {one.id: one for one in ignored} | {one.path: one for one in ignored}
        found = {name: by_name.get(name) or by_name.get(_absolute(name)) for name in (os.fspath(one) for one in names)}
        unknown = [name for name, one in found.items() if one is None]
        if unknown:
            raise InputError(f"{', '.join(map(_shown, unknown))}: was not removed from {writer.path}")
        restored = [one for one in found.values() if one is not None]
        catalog.connection.executemany("DELETE FROM ignored WHERE id = ?", ((one.id,) for one in restored))
    return restored


def let_in(writer: CollectionWriter, sha256: bytes) -> None:
    """Forget that the image with these bytes was removed, if it was: somebody puts it in again."""
    if writer.catalog.is_ignored(sha256):
        with writer.catalog.transaction():
            writer.catalog.connection.execute("DELETE FROM ignored WHERE sha256 = ?", (sha256,))


def ignored_images(catalog: Catalog) -> list[Ignored]:
    """What was removed and is kept away, by path."""
    if not catalog.checked:
        return []
    return [Ignored(*row) for row in catalog.connection.execute("SELECT id, display FROM ignored ORDER BY display, id")]


def _id_of(catalog: Catalog, name: str) -> str | None:
    if _ID.fullmatch(name):
        return name
    # As it was indexed, with links resolved in the folder only, or fully; an upload by its path in the collection.
    for path in (os.path.abspath(name), os.path.realpath(name), name):  # noqa: PTH100
        known = catalog.known_path(os.fsencode(path))
        if known is not None:
            return catalog.id_of(known.image)
    return None


def _absolute(name: str) -> str:
    return display_text(os.fsencode(os.path.abspath(name)))  # noqa: PTH100


def _shown(name: str) -> str:
    return display_text(os.fsencode(name))
