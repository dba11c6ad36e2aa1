"""What is damaged in the catalogue or the embeddings is forgotten, so that the next scan takes it for new."""

from __future__ import annotations

import sqlite3
from itertools import islice
from pathlib import Path

from retrieval.catalog import CATALOG_FILE
from retrieval.catalog_writer import CatalogWriter
from retrieval.checksums import check_row, columns
from retrieval.errors import CollectionDamaged
from retrieval.loading import manifest_or_none
from retrieval.segments import Segments


def forget_damaged(directory: Path, catalog: CatalogWriter, segments: Segments) -> list[bytes]:
    """Remove images whose embeddings or rows fail their checksums, and paths whose rows do; the paths come back.

    Raises:
        CollectionDamaged: the catalogue is damaged beyond that.
    """
    try:
        paths = _forget_rows(catalog) if _broken_rows(directory, catalog) else []
        damaged = _damaged_embeddings(catalog, segments)
        if damaged:
            with catalog.transaction():
                paths += catalog.paths_of(damaged)
                catalog.forget(damaged)
    except sqlite3.DatabaseError as error:
        raise CollectionDamaged(
            f"{directory / CATALOG_FILE}: is damaged ({error}); move the collection away and index the folders into a "
            "new one"
        ) from error
    return paths


def _damaged_embeddings(catalog: CatalogWriter, segments: Segments) -> list[int]:
    rows = catalog.rows()
    damaged = []
    while block := list(islice(rows, segments.block_rows)):
        damaged += [row.key for row in segments.damaged(block)]
    return damaged


def _broken_rows(directory: Path, catalog: CatalogWriter) -> bool:
    """Whether a row fails its checksum, the part of the log that is still needed has gaps, or a count is wrong."""
    try:
        if _broken(catalog, "image") or _broken(catalog, "path") or catalog.count() != catalog.recount():
            return True
        manifest = manifest_or_none(directory)
        kept = [record.generation for record in manifest.indexes] if manifest else []
        catalog.changes(max(catalog.log_start(), min(kept, default=0)))
    except sqlite3.DatabaseError:
        return True
    return False


def _forget_rows(catalog: CatalogWriter) -> list[bytes]:
    """Drop broken rows, begin the log anew, and let SQLite make its own indexes again."""
    connection = catalog.connection
    connection.execute("REINDEX")
    with catalog.transaction():
        images, seen = _broken(catalog, "image"), _broken(catalog, "path")
        paths = catalog.paths_of(images)
        for number in seen:
            paths += [bytes(row[0]) for row in connection.execute("SELECT path FROM path WHERE seen = ?", (number,))]
            connection.execute("DELETE FROM path WHERE seen = ?", (number,))
        for key in images:
            connection.execute("DELETE FROM path WHERE image = ?", (key,))
            connection.execute("DELETE FROM image WHERE key = ?", (key,))
        catalog.begin_log_anew()
        connection.execute("UPDATE tally SET images = (SELECT count(DISTINCT image) FROM path)")
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
    return paths


def _broken(catalog: CatalogWriter, table: str) -> list[int]:
    """The numbers of the rows of a table that fail their checksum."""
    broken = []
    query = f"SELECT {columns(table, 't', checked=True)} FROM {table} t NOT INDEXED"  # noqa: S608
    for *values, checksum in catalog.connection.execute(query):
        try:
            check_row(table, tuple(values), checksum)
        except sqlite3.DatabaseError:
            broken.append(int(values[0]))
    return broken
