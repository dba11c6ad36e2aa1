"""The catalogue: SQLite, the source of truth of a collection. Here: reading it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from retrieval.segments import Row
from retrieval.types import EncoderRecord, ImageRecord

CATALOG_FILE = "catalog.sqlite"
_IN = 10_000  # values in one IN (…), below SQLite's limit of 32,766


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the log: what happened to the image under ``key``."""

    generation: int
    kind: str
    key: int


@dataclass(frozen=True, slots=True)
class KnownPath:
    """What the catalogue knows of a file. ``seen`` numbers paths in the order they were first seen."""

    seen: int
    path: bytes
    size: int
    mtime_ns: int
    sidecar: str
    image: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Root:
    """A folder that was indexed."""

    id: int
    path: bytes
    display: str


def display_text(path: bytes) -> str:
    """A path as text that can always be encoded; bytes that are not UTF-8 become ``\\xNN``."""
    return path.decode("utf-8", "backslashreplace")


class Catalog:
    """Questions to the catalogue over one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def collection(self) -> tuple[str, EncoderRecord] | None:
        """The collection's name and encoder; None before they are set."""
        found = self.connection.execute("SELECT name, encoder, dimension, fingerprint FROM collection").fetchone()
        return None if found is None else (found[0], EncoderRecord(found[1], found[2], found[3]))

    def generation(self) -> int:
        """The number of the last change."""
        return int(self.connection.execute("SELECT coalesce(max(seq), 0) FROM op").fetchone()[0])

    def count(self) -> int:
        """How many images there are: contents with at least one path."""
        return int(self.connection.execute("SELECT count(DISTINCT image) FROM path").fetchone()[0])

    def changes(self, after: int) -> list[Change]:
        """The log behind change number ``after``."""
        found = self.connection.execute("SELECT seq, kind, key FROM op WHERE seq > ? ORDER BY seq", (after,))
        return [Change(*row) for row in found]

    def rows(self) -> Iterator[Row]:
        """Where every embedding lies, in the order they lie on disk."""
        found = self.connection.execute("SELECT key, segment, row, crc FROM image ORDER BY segment, row")
        return (Row(*row) for row in found)

    def rows_of(self, keys: Sequence[int]) -> list[Row]:
        """Where the embeddings of ``keys`` lie, in the order they lie on disk; keys that are gone are left out."""
        query = "SELECT key, segment, row, crc FROM image WHERE key IN ({})"
        found = [Row(*row) for row in self.where_in(query, keys)]
        return sorted(found, key=lambda row: (row.segment, row.row))

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """The image id under each key; images that are gone or have no path any more are left out."""
        query = "SELECT key, id FROM image WHERE key IN ({}) AND EXISTS (SELECT 1 FROM path WHERE image = key)"
        return {row[0]: row[1] for row in self.where_in(query, keys)}

    def row_of(self, image_id: str) -> Row | None:
        """Where the embedding of an image lies."""
        query = "SELECT key, segment, row, crc FROM image WHERE id = ?"
        found = self.connection.execute(query, (image_id,)).fetchone()
        return Row(*found) if found else None

    def images(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """The records of ``ids``; those that are not in the collection are left out."""
        query = (
            "SELECT i.id, i.width, i.height, i.format, i.bytes, p.display, p.caption, p.tags "
            "FROM image i JOIN path p ON p.image = i.key WHERE i.id IN ({}) ORDER BY i.id, p.seen"
        )
        grouped: dict[str, list[tuple[Any, ...]]] = {}
        for row in self.where_in(query, ids):
            grouped.setdefault(row[0], []).append(row)
        return {image_id: _record(rows) for image_id, rows in grouped.items()}

    def paths(self, ids: Sequence[str]) -> dict[str, list[bytes]]:
        """Every path of each image, first seen first; ids that are not in the collection are left out."""
        query = "SELECT i.id, p.path FROM path p JOIN image i ON p.image = i.key WHERE i.id IN ({}) ORDER BY p.seen"
        grouped: dict[str, list[bytes]] = {}
        for image_id, path in self.where_in(query, ids):
            grouped.setdefault(image_id, []).append(path)
        return grouped

    def known_path(self, path: bytes) -> KnownPath | None:
        """What is known of the file at ``path``."""
        found = self.connection.execute(f"{_KNOWN} WHERE p.path = ?", (path,)).fetchone()
        return KnownPath(*found) if found else None

    def paths_beneath(self, folder: bytes) -> Iterator[KnownPath]:
        """Every known path beneath ``folder``."""
        # "0" follows "/": the range holds exactly what starts with the folder and a slash.
        low, high = folder.rstrip(b"/") + b"/", folder.rstrip(b"/") + b"0"
        found = self.connection.execute(f"{_KNOWN} WHERE p.path >= ? AND p.path < ? ORDER BY p.path", (low, high))
        return (KnownPath(*row) for row in found)

    def last_seen(self) -> int:
        """The highest ``seen`` number given to a path so far."""
        return int(self.connection.execute("SELECT coalesce(max(seen), 0) FROM path").fetchone()[0])

    def has_content(self, sha256: bytes) -> bool:
        """Whether an embedding of these bytes is in the collection."""
        return self.connection.execute("SELECT 1 FROM image WHERE sha256 = ?", (sha256,)).fetchone() is not None

    def roots(self) -> list[Root]:
        """The folders that were indexed."""
        return [Root(*row) for row in self.connection.execute("SELECT id, path, display FROM root ORDER BY id")]

    def mounts(self) -> list[bytes]:
        """The mount points that files were last found beneath."""
        return [row[0] for row in self.connection.execute("SELECT path FROM mount ORDER BY path")]

    def failures(self) -> list[tuple[str, str]]:
        """Path and reason of what the last run could not take in."""
        return list(self.connection.execute("SELECT display, reason FROM failure ORDER BY rowid"))

    def where_in(self, query: str, values: Sequence[object], *before: object) -> Iterator[tuple[Any, ...]]:
        """Rows of a query with ``IN ({})`` for all ``values``; ``before`` fills the places in front of it."""
        for start in range(0, len(values), _IN):
            part = values[start : start + _IN]
            yield from self.connection.execute(query.format(",".join("?" * len(part))), (*before, *part))


_KNOWN = (
    "SELECT p.seen, p.path, p.size, p.mtime_ns, p.sidecar, p.image, i.sha256 "
    "FROM path p JOIN image i ON i.key = p.image"
)


def _record(rows: list[tuple[Any, ...]]) -> ImageRecord:
    image_id, width, height, kind, size = rows[0][:5]
    caption = next((row[6] for row in rows if row[6]), None)
    tags = dict.fromkeys(tag for row in rows for tag in json.loads(row[7]))
    return ImageRecord(image_id, tuple(row[5] for row in rows), width, height, kind, size, caption, tuple(tags))
