"""The catalogue: SQLite, the source of truth of a collection. Here: reading it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from retrieval.checked_rows import CheckedRows
from retrieval.kept_rows import MOST_IDS, MOST_RECORDS, KeptRows, through
from retrieval.segments import Row
from retrieval.types import EncoderRecord, FailedFile, ImageRecord

CATALOG_FILE = "catalog.sqlite"


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


class Catalog(CheckedRows):
    """Questions to the catalogue over one connection.

    What an answer is made of is checked as it is read; ``sqlite3.DatabaseError`` where it has been altered. ``kept``
    holds what was read before, for a connection that only reads.
    """

    def __init__(self, connection: sqlite3.Connection, kept: KeptRows | None = None) -> None:
        super().__init__(connection)
        self._kept = kept

    def collection(self) -> tuple[str, EncoderRecord] | None:
        """The collection's name and encoder; None before they are set."""
        found = next(self.select("collection", ""), None)
        return None if found is None else (found[0], EncoderRecord(found[1], found[2], found[3]))

    def generation(self) -> int:
        """The number of the last change."""
        return int(self.connection.execute("SELECT coalesce(max(seq), 0) FROM op").fetchone()[0])

    def log_start(self) -> int:
        """The oldest generation from which the log can be replayed.

        Compacting forgets the log's beginning; behind a change of encoder every embedding is another one.
        """
        first, encoder = self.connection.execute(
            "SELECT (SELECT coalesce(min(seq), 1) - 1 FROM op), (SELECT max(seq) FROM op WHERE kind = 'encoder')"
        ).fetchone()
        return max(int(first), int(encoder or 0))

    def segments(self) -> list[int]:
        """The segments that embeddings lie in."""
        return [row[0] for row in self.connection.execute("SELECT id FROM segment ORDER BY id")]

    def first_change(self) -> int:
        """The number of the log's first entry; 1 before there are any."""
        return int(self.connection.execute("SELECT coalesce(min(seq), 1) FROM op").fetchone()[0])

    def count(self) -> int:
        """How many images there are: contents with at least one path."""
        if self.checked:
            return int(self.connection.execute("SELECT images FROM tally").fetchone()[0])
        return self.recount()

    def recount(self) -> int:
        """As ``count``, by looking at every path."""
        return int(self.connection.execute("SELECT count(DISTINCT image) FROM path").fetchone()[0])

    def changes(self, after: int) -> list[Change]:
        """The log behind change number ``after``, which must not lie before ``log_start``."""
        found = self.select("op", "WHERE t.seq > ? ORDER BY t.seq", after)
        changes = [Change(seq, kind, key) for seq, kind, key, _ in found]
        if self.checked and len(changes) != max(0, self.generation() - after):
            raise sqlite3.DatabaseError(f"changes are missing from the log behind {after}")
        return changes

    def rows(self) -> Iterator[Row]:
        """Where every embedding lies, in the order they lie on disk."""
        return map(_row, self.select("image", "ORDER BY t.segment, t.row"))

    def rows_of(self, keys: Sequence[int]) -> list[Row]:
        """Where the embeddings of ``keys`` lie, in the order they lie on disk; keys that are gone are left out."""
        found = map(_row, self.select_in("image", "WHERE t.key IN ({})", keys))
        return sorted(found, key=lambda row: (row.segment, row.row))

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """The image id under each key; images that are gone or have no path any more are left out."""
        return self._ids(keys) if self._kept is None else through(self._kept.ids, MOST_IDS, keys, self._ids)

    def _ids(self, keys: Sequence[int]) -> dict[int, str]:
        found = self.select_in("image", "WHERE t.key IN ({}) AND EXISTS (SELECT 1 FROM path WHERE image = key)", keys)
        return {row[0]: row[1] for row in found}

    def row_of(self, image_id: str) -> Row | None:
        """Where the embedding of an image lies."""
        found = next(self.select("image", "WHERE t.id = ?", image_id), None)
        return _row(found) if found else None

    def images(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """The records of ``ids``; those that are not in the collection are left out."""
        kept = self._kept
        return self._images(ids) if kept is None else through(kept.records, MOST_RECORDS, ids, self._images)

    def _images(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        images = {row[0]: row for row in self.select_in("image", "WHERE t.id IN ({})", ids)}
        grouped: dict[int, list[tuple[Any, ...]]] = {}
        for row in self._paths_of(list(images)):
            grouped.setdefault(row[-1], []).append(row)
        return {images[key][1]: _record(images[key], grouped[key]) for key in grouped}

    def paths(self, ids: Sequence[str]) -> dict[str, list[bytes]]:
        """Every path of each image, first seen first; ids that are not in the collection are left out."""
        images = {row[0]: row[1] for row in self.select_in("image", "WHERE t.id IN ({})", ids)}
        grouped: dict[str, list[bytes]] = {}
        for row in self._paths_of(list(images)):
            grouped.setdefault(images[row[-1]], []).append(row[1])
        return grouped

    def confirm_gone(self, keys: Sequence[int], after: int) -> None:
        """Make sure that ``keys``, which a state of generation ``after`` has and ``ids`` has not, are gone.

        An index of SQLite's that is damaged hides rows without a word; the log and the rows themselves tell.

        Raises:
            sqlite3.DatabaseError: an image is there, or nothing has removed it.
        """
        query = "SELECT DISTINCT key FROM op WHERE seq > ? AND key IN ({})"
        touched = {row[0] for row in self.where_in(query, keys, after)}
        left = [key for key in keys if key not in touched]
        if not left:
            return
        # Before that generation it can only have lost its paths, in a run that was cut short.
        there = {row[0] for row in self.where_in("SELECT key FROM image NOT INDEXED WHERE +key IN ({})", left)}
        query = "SELECT image FROM path NOT INDEXED WHERE image IN ({})"
        pathless = there - {row[0] for row in self.where_in(query, left)}
        hidden = [key for key in left if key not in pathless]
        if hidden:
            raise sqlite3.DatabaseError(f"image {hidden[0]} is in the index but not found, and was not removed")

    def confirm_unknown(self, ids: Sequence[str]) -> None:
        """Make sure that there are no images of ``ids``, as ``confirm_gone`` does."""
        query = (
            "SELECT i.id FROM image i NOT INDEXED WHERE i.id IN ({}) "
            "AND EXISTS (SELECT 1 FROM path p NOT INDEXED WHERE p.image = i.key)"
        )
        hidden = next(self.where_in(query, ids), None)
        if hidden is not None:
            raise sqlite3.DatabaseError(f"image {hidden[0]} is there but not found")

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

    def is_ignored(self, sha256: bytes) -> bool:
        """Whether an image with these bytes was removed, and is to stay away."""
        query = "SELECT 1 FROM ignored WHERE sha256 = ?"
        return self.checked and self.connection.execute(query, (sha256,)).fetchone() is not None

    def id_of(self, key: int) -> str | None:
        """The id of the image under ``key``."""
        found = next(self.select("image", "WHERE t.key = ?", key), None)
        return found[1] if found else None

    def roots(self) -> list[Root]:
        """The folders that were indexed."""
        return [Root(*row) for row in self.select("root", "ORDER BY t.id")]

    def mounts(self) -> list[bytes]:
        """The mount points that files were last found beneath."""
        return [row[0] for row in self.connection.execute("SELECT path FROM mount ORDER BY path")]

    def failures(self) -> list[tuple[str, str]]:
        """Path and reason of what could not be taken in when its folder was last looked through."""
        return list(self.connection.execute("SELECT display, reason FROM failure ORDER BY path"))

    def failed_file(self, path: bytes) -> FailedFile | None:
        """What is known of a file that could not be taken in."""
        query = "SELECT path, reason, size, mtime_ns, reader FROM failure WHERE path = ?"
        found = self.connection.execute(query, (path,)).fetchone()
        return FailedFile(*found) if found else None

    def _paths_of(self, keys: Sequence[int]) -> list[tuple[Any, ...]]:
        """The path rows of images, first seen first."""
        return sorted(self.select_in("path", "WHERE t.image IN ({})", keys))


_KNOWN = (
    "SELECT p.seen, p.path, p.size, p.mtime_ns, p.sidecar, p.image, i.sha256 "
    "FROM path p JOIN image i ON i.key = p.image"
)


def _row(image: tuple[Any, ...]) -> Row:
    key, segment, row, crc = image[0], *image[-3:]
    return Row(key, segment, row, crc)


def _record(image: tuple[Any, ...], paths: Sequence[tuple[Any, ...]]) -> ImageRecord:
    _, image_id, _, width, height, kind, size = image[:7]
    caption = next((row[7] for row in paths if row[7]), None)
    tags = dict.fromkeys(tag for row in paths for tag in json.loads(row[8]))
    return ImageRecord(image_id, tuple(row[2] for row in paths), width, height, kind, size, caption, tuple(tags))
