"""verify_collection: every promise of the on-disk format, one after another."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from retrieval.catalog import CATALOG_FILE, Catalog
from retrieval.connections import check_version, connect, damage_named
from retrieval.errors import CollectionDamaged, CollectionNotFound
from retrieval.manifest import MANIFEST_FILE
from retrieval.verification.catalogue import verify_database, verify_images, verify_paths
from retrieval.verification.changes import verify_log
from retrieval.verification.embeddings import verify_next_embeddings, verify_segments, verify_tokens
from retrieval.verification.findings import REBUILD, Findings, Progress, Verification
from retrieval.verification.leftovers import find_leftovers
from retrieval.verification.published import verify_published
from retrieval.verification.uploads import verify_uploads
from retrieval.verification.write_ahead import verify_write_ahead

# While others write, files may go between reading their names and opening them: look again, so many times.
TRIES = 3
Check = Callable[[Path, Catalog, Findings], None]
CHECKS: tuple[Check, ...] = (
    verify_write_ahead,
    verify_database,
    verify_images,
    verify_paths,
    verify_log,
    verify_segments,
    verify_next_embeddings,
    verify_tokens,
    verify_published,
    verify_uploads,
    find_leftovers,
)


def verify_collection(path: str | os.PathLike[str], *, progress: Progress | None = None) -> Verification:
    """Check every promise of the collection's format. Reads only; others may search and write meanwhile.

    Args:
        progress: called with (rows looked at, rows to look at).

    Raises:
        CollectionNotFound: there is no collection.
        CollectionError: a newer Veralens wrote it, or it cannot be read at all.
    """
    directory, start = Path(path), time.monotonic()
    if not (directory / CATALOG_FILE).is_file():
        raise CollectionNotFound(f"{directory}: no collection here")
    for left in reversed(range(TRIES)):
        findings, before = Findings(progress), _names(directory)
        generation = _check(directory, findings)
        if not findings.problems or not left or _names(directory) == before:
            break
    seconds = time.monotonic() - start
    return Verification(generation, findings.problems, tuple(findings.leftovers), findings.checked, seconds)


def _check(directory: Path, findings: Findings) -> int:
    """Run every check in one read transaction; the generation that was checked comes back."""
    try:
        with damage_named(directory), closing(connect(directory, touch=False)) as connection:
            check_version(connection, directory / CATALOG_FILE)
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            catalog = Catalog(connection)
            findings.total = _rows(catalog)
            for check in CHECKS:
                _guarded(check, directory, catalog, findings)
            return catalog.generation()
    except CollectionDamaged as damage:
        findings.problem(CATALOG_FILE, "can be read", str(damage.__cause__ or damage), REBUILD)
        return 0


def _guarded(check: Check, directory: Path, catalog: Catalog, findings: Findings) -> None:
    """One check; where the catalogue breaks off under it, that is a finding and the next check follows."""
    try:
        check(directory, catalog, findings)
    except sqlite3.DatabaseError as error:
        findings.problem(CATALOG_FILE, "can be read", str(error), REBUILD)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        # A value of a kind that no writer enters, where no row checksum stands before it.
        findings.problem(CATALOG_FILE, "holds what was entered", f"{type(error).__name__}: {error}", REBUILD)


def _rows(catalog: Catalog) -> int:
    """How many rows there are to look at."""
    tables = {row[0] for row in catalog.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    weights = {"image": 2, "path": 1, "op": 1, "next_embedding": 1, "rerank_tokens": 1}
    return sum(
        weight * int(catalog.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
        for table, weight in weights.items()
        if table in tables
    )


def _names(directory: Path) -> tuple[object, ...]:
    """What changes when a writer publishes or compacts."""
    found = [sorted(one.name for one in (directory / folder).glob("*.fp16")) for folder in ("segments", "tokens")]
    try:
        return (*found, (directory / MANIFEST_FILE).read_bytes())
    except OSError:
        return tuple(found)
