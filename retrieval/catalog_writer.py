"""The writing half of the catalogue: every statement that changes it, inside explicit transactions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from retrieval.catalog import Catalog, display_text
from retrieval.connections import check_version, connect, damage_named
from retrieval.schema import MIGRATIONS, statements
from retrieval.types import EncoderRecord, FailedFile


@dataclass(frozen=True, slots=True)
class ImageContent:
    """One image by its bytes; width and height in pixels, upright."""

    sha256: bytes
    width: int
    height: int
    format: str
    bytes: int

    @property
    def id(self) -> str:
        return "img_" + self.sha256.hex()[:20]


@dataclass(frozen=True, slots=True)
class FoundPath:
    """A file that holds an image. ``sidecar`` is the state of the caption files beside it when they were read."""

    path: bytes
    root: int
    size: int
    mtime_ns: int
    sidecar: str = ""
    caption: str | None = None
    tags: tuple[str, ...] = ()


class CatalogWriter(Catalog):
    """A catalogue that can be changed. One at a time: its owner holds the collection's lock."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        with damage_named(directory):
            super().__init__(connect(directory, create=True))
            try:
                self._prepare()
            except BaseException:
                self.connection.close()
                raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or nothing; its end is the only commit point."""
        with damage_named(self._directory):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def set_collection(self, name: str, encoder: EncoderRecord) -> None:
        """Set what the collection is called and its encoder, and open its first segment."""
        values = (name, encoder.name, encoder.dimension, encoder.fingerprint)
        self.connection.execute(
            "INSERT INTO collection (one, name, encoder, dimension, fingerprint) VALUES (1, ?, ?, ?, ?)", values
        )
        self.add_segment(encoder)

    def add_segment(self, encoder: EncoderRecord, rows: int = 0) -> int:
        """Enter a segment for embeddings of one encoder, in front of all others; its id comes back.

        Ids are never used again, since a reader may still hold the file of one open: the highest is always kept.
        """
        number = self.last_segment() + 1
        values = (number, encoder.dimension, rows, encoder.fingerprint)
        self.connection.execute("INSERT INTO segment (id, dimension, rows, fingerprint) VALUES (?, ?, ?, ?)", values)
        return number

    def last_segment(self) -> int:
        """The highest id of a segment."""
        return int(self.connection.execute("SELECT coalesce(max(id), 0) FROM segment").fetchone()[0])

    def open_segment(self, fingerprint: str) -> tuple[int, int] | None:
        """The segment of an encoder that grows, and its committed row count."""
        query = "SELECT id, rows FROM segment WHERE fingerprint = ? ORDER BY id DESC LIMIT 1"
        found = self.connection.execute(query, (fingerprint,)).fetchone()
        return (int(found[0]), int(found[1])) if found else None

    def set_segment_rows(self, segment: int, rows: int) -> None:
        """Move a segment's committed row count."""
        self.connection.execute("UPDATE segment SET rows = ? WHERE id = ?", (rows, segment))

    def key_of(self, sha256: bytes) -> int | None:
        """The key of the image with these bytes."""
        found = self.connection.execute("SELECT key FROM image WHERE sha256 = ?", (sha256,)).fetchone()
        return int(found[0]) if found else None

    def add_image(self, content: ImageContent, segment: int, row: int, crc: int) -> int:
        """Enter an image whose embedding lies in ``row`` of ``segment``; its key comes back."""
        cursor = self.connection.execute(
            "INSERT INTO image (id, sha256, width, height, format, bytes, segment, row, crc) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                content.id,
                content.sha256,
                content.width,
                content.height,
                content.format,
                content.bytes,
                segment,
                row,
                crc,
            ),
        )
        key = int(cursor.lastrowid or 0)
        self._log("add", key)
        return key

    def put_path(self, found: FoundPath, image: int, *, new: bool = False) -> None:
        """Enter a path of an image, or what has changed about it; ``new`` where the log has the image already."""
        before = self.connection.execute(
            "SELECT image, caption, tags FROM path WHERE path = ?", (found.path,)
        ).fetchone()
        tags = json.dumps(found.tags)
        self.connection.execute(
            "INSERT INTO path (path, display, root, size, mtime_ns, sidecar, caption, tags, image) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET root = excluded.root, "
            "size = excluded.size, mtime_ns = excluded.mtime_ns, sidecar = excluded.sidecar, "
            "caption = excluded.caption, tags = excluded.tags, image = excluded.image",
            (
                found.path,
                display_text(found.path),
                found.root,
                found.size,
                found.mtime_ns,
                found.sidecar,
                found.caption,
                tags,
                image,
            ),
        )
        if before == (image, found.caption, tags):
            return
        if not new:
            self._log("update", image)
        if before is not None and before[0] != image:
            self._log("update", before[0])

    def drop_path(self, path: bytes) -> None:
        """Forget a path; its image stays until ``remove_orphans``."""
        found = self.connection.execute("DELETE FROM path WHERE path = ? RETURNING image", (path,)).fetchone()
        if found:
            self._log("update", found[0])

    def remove_orphans(self) -> int:
        """Remove the images that have no path any more; how many comes back."""
        self.connection.execute(
            "INSERT INTO op (kind, key, id) SELECT 'remove', key, id FROM image "
            "WHERE key NOT IN (SELECT image FROM path)"
        )
        return self.connection.execute("DELETE FROM image WHERE key NOT IN (SELECT image FROM path)").rowcount

    def put_root(self, path: bytes) -> int:
        """Enter a folder, in place of any that lie beneath it; the id of it, or of the root it lies beneath."""
        for root in self.roots():
            if path == root.path or path.startswith(root.path.rstrip(b"/") + b"/"):
                return root.id
        beneath = [root.id for root in self.roots() if root.path.startswith(path.rstrip(b"/") + b"/")]
        values = (path, display_text(path))
        cursor = self.connection.execute("INSERT INTO root (path, display) VALUES (?, ?)", values)
        new = int(cursor.lastrowid or 0)
        for old in beneath:
            self.connection.execute("UPDATE path SET root = ? WHERE root = ?", (new, old))
            self.connection.execute("DELETE FROM root WHERE id = ?", (old,))
        return new

    def set_mounts(self, mounts: Iterable[bytes]) -> None:
        """Replace the list of mount points that files were found beneath."""
        self.connection.execute("DELETE FROM mount")
        self.connection.executemany("INSERT OR IGNORE INTO mount VALUES (?)", ((path,) for path in mounts))

    def set_failures(self, failures: Iterable[FailedFile], folders: Iterable[bytes] = ()) -> None:
        """Note what could not be taken in, in place of whatever was noted of ``folders``."""
        for folder in folders:
            beneath = (folder, folder.rstrip(b"/") + b"/", folder.rstrip(b"/") + b"0")
            self.connection.execute("DELETE FROM failure WHERE path = ? OR (path >= ? AND path < ?)", beneath)
        rows = ((one.path, display_text(one.path), one.reason, one.size, one.mtime_ns, one.reader) for one in failures)
        self.connection.executemany("INSERT OR REPLACE INTO failure VALUES (?, ?, ?, ?, ?, ?)", rows)

    def paths_of(self, keys: Sequence[int]) -> list[bytes]:
        """The paths of images by their keys."""
        return [bytes(row[0]) for row in self.where_in("SELECT path FROM path WHERE image IN ({})", keys)]

    def forget(self, keys: Iterable[int]) -> None:
        """Remove images with their paths: their embeddings are lost, so the next scan takes them for new."""
        for key in keys:
            self._log("remove", key)
            self.connection.execute("DELETE FROM path WHERE image = ?", (key,))
            self.connection.execute("DELETE FROM image WHERE key = ?", (key,))

    def begin_log_anew(self) -> None:
        """Forget the log: embeddings are other ones now, and whoever has read it begins again."""
        self.connection.execute("DELETE FROM op")
        self.connection.execute("INSERT INTO op (kind, key, id) VALUES ('encoder', 0, '')")

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        self.connection.close()

    def _prepare(self) -> None:
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        version = check_version(self.connection, self._directory)
        for number in range(version, len(MIGRATIONS)):
            # executescript would commit behind our back: statement by statement, in one transaction.
            with self.transaction():
                for statement in statements(MIGRATIONS[number]):
                    self.connection.execute(statement)
                self.connection.execute(f"PRAGMA user_version = {number + 1}")

    def _log(self, kind: str, key: int) -> None:
        self.connection.execute(
            "INSERT INTO op (kind, key, id) SELECT ?, key, id FROM image WHERE key = ?", (kind, key)
        )
