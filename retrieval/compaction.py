"""compact_collection: what nothing needs any more goes; readers and their searches go on meanwhile."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.atomic import disk_errors_named, sync_directory
from retrieval.bitmaps import Keys
from retrieval.calibration import Texts
from retrieval.catalog import CATALOG_FILE
from retrieval.catalog_writer import CatalogWriter
from retrieval.connections import BUSY_SECONDS, damage_named
from retrieval.errors import CollectionDamaged, CollectionError
from retrieval.loading import manifest_or_none
from retrieval.publishing import bytes_on_disk, drop_other_indexes
from retrieval.segments import SEGMENTS_DIRECTORY, Row, Segments
from retrieval.token_compaction import compact_tokens
from retrieval.tokens import TOKENS_DIRECTORY
from retrieval.writer import CollectionWriter

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Compaction:
    """What compacting did: bytes of the collection before and after, and what went."""

    bytes_before: int
    bytes_after: int
    embeddings: int
    tokens: int
    changes: int

    def to_dict(self) -> dict[str, Any]:
        """The report as it goes into JSON."""
        return asdict(self)


def compact_collection(
    writer: CollectionWriter, *, progress: Progress | None = None, texts: Texts | None = None
) -> Compaction:
    """Rewrite segments without dead rows, shorten the log, drop files that nothing names, shrink the catalogue.

    Killed at any moment it leaves the collection as it was, or as it is after one of these steps.

    Args:
        progress: called with (rows rewritten, rows to rewrite).
        texts: gives text queries to calibrate the index with, should it be built anew.

    Raises:
        CollectionError: there is no room for it; nothing was changed.
        CollectionDamaged: an embedding fails its checksum; nothing was lost.
    """
    directory, catalog = writer.path, writer.catalog
    before = bytes_on_disk(directory)
    with disk_errors_named(directory), damage_named(directory):
        _drop_unnamed(directory, catalog)
        dead = dead_rows(catalog, writer.encoder.fingerprint)
        if dead:
            _check_room(directory, catalog.recount() * writer.encoder.dimension * 2)
            _rewrite_embeddings(writer, progress)
        tokens = compact_tokens(directory, catalog)
        _drop_unnamed(directory, catalog)
        writer.publish(texts)
        changes = _shorten_log(directory, catalog)
        _shrink(directory, catalog)
    return Compaction(before, bytes_on_disk(directory), dead, tokens, changes)


def dead_rows(catalog: CatalogWriter, fingerprint: str) -> int:
    """How many rows of an encoder's segments belong to no image any more."""
    query = "SELECT coalesce(sum(rows), 0) - (SELECT count(*) FROM image) FROM segment WHERE fingerprint IN (?, '')"
    return int(catalog.connection.execute(query, (fingerprint,)).fetchone()[0])


def _rewrite_embeddings(writer: CollectionWriter, progress: Progress | None) -> None:
    """Copy the rows that count into a new segment, then let the catalogue lead there, in one commit."""
    catalog, encoder = writer.catalog, writer.encoder
    target, total = catalog.last_segment() + 1, catalog.recount()
    files = Segments(writer.path, encoder.dimension)
    try:
        keys = _copied(files, target, catalog.rows(), total, progress)
    except BaseException:
        files.path(target).unlink(missing_ok=True)
        raise
    finally:
        files.close()
    with catalog.transaction():
        query = "SELECT id FROM segment WHERE fingerprint IN (?, '')"
        old = [row[0] for row in catalog.connection.execute(query, (encoder.fingerprint,))]
        if len(keys):
            catalog.add_segment(encoder, len(keys))
        places = ((target, row, key) for row, key in enumerate(keys.tolist()))
        catalog.connection.executemany("UPDATE image SET segment = ?, row = ? WHERE key = ?", places)
        catalog.connection.executemany("DELETE FROM segment WHERE id = ?", ((segment,) for segment in old))


def _copied(files: Segments, target: int, rows: Iterator[Row], total: int, progress: Progress | None) -> Keys:
    """Copy rows one behind the other into segment ``target``, synced; their keys in that order."""
    files.path(target).unlink(missing_ok=True)  # a killed compaction's
    kept = [np.zeros(0, dtype=np.int64)]
    done = 0
    while block := list(islice(rows, files.block_rows)):
        halves, damaged = files.checked(block)
        if damaged:
            raise CollectionDamaged(
                f"{files.path(damaged[0].segment)}: {len(damaged)} embeddings fail their checksum, the first in row "
                f"{damaged[0].row}; index the folders again to embed those images anew, then compact"
            )
        files.append(target, done, halves)
        kept.append(np.array([row.key for row in block], dtype=np.int64))
        done += len(block)
        if progress is not None:
            progress(done, total)
    return np.concatenate(kept)


def _drop_unnamed(directory: Path, catalog: CatalogWriter) -> None:
    """Remove segment, token and index files that nothing names any more. Who has one open still reads it."""
    named = {SEGMENTS_DIRECTORY: "segment", TOKENS_DIRECTORY: "token_segment"}
    for folder, table in named.items():
        ids = catalog.connection.execute(f"SELECT id FROM {table}")  # noqa: S608
        names = {f"{row[0]:08d}.fp16" for row in ids}
        gone = [path for path in (directory / folder).glob("*.fp16") if path.name not in names]
        for path in gone:
            path.unlink(missing_ok=True)
        if gone:
            sync_directory(directory / folder)
    manifest = manifest_or_none(directory)
    if manifest is not None:
        drop_other_indexes(directory, manifest.indexes)


def _shorten_log(directory: Path, catalog: CatalogWriter) -> int:
    """Forget the changes that every index on disk holds; how many. The last one stays: it numbers the generation."""
    manifest = manifest_or_none(directory)
    if manifest is None or not manifest.indexes:
        return 0
    oldest = min(record.generation for record in manifest.indexes)
    with catalog.transaction():
        query = "DELETE FROM op WHERE seq <= ? AND seq < (SELECT max(seq) FROM op)"
        return catalog.connection.execute(query, (oldest,)).rowcount


def _shrink(directory: Path, catalog: CatalogWriter) -> None:
    """Give the catalogue's free pages back to the disk, and empty SQLite's log if no reader needs it."""
    size = (directory / CATALOG_FILE).stat().st_size
    _check_room(directory, 2 * size)
    catalog.connection.execute("VACUUM")
    catalog.connection.execute("PRAGMA busy_timeout = 1000")
    try:
        catalog.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError:
        pass  # a reader holds it; the next writer empties it
    finally:
        catalog.connection.execute(f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS}")


def _check_room(directory: Path, needed: int) -> None:
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise CollectionError(
            f"{directory}: compacting writes {needed / 2**20:.0f} MiB before it frees more, but the disk has only "
            f"{free / 2**20:.0f} MiB left; what is in the collection is kept. Make room and run it again"
        )
