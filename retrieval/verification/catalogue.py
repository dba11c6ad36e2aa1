"""The catalogue's own promises: SQLite's, the tables', and what each row must say."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from retrieval.catalog import CATALOG_FILE, Catalog, display_text
from retrieval.checksums import check_row, columns, register
from retrieval.schema import MIGRATIONS, statements
from retrieval.verification.findings import HEAL, REBUILD, Findings

_SHOWN = 100
_STEP = 10_000


def verify_database(directory: Path, catalog: Catalog, findings: Findings) -> None:
    """What SQLite can check itself, and whether the tables are those of the schema's number."""
    del directory
    connection = catalog.connection
    problem = partial(findings.problem, CATALOG_FILE)
    for (text,) in connection.execute(f"PRAGMA integrity_check({_SHOWN})"):
        if text != "ok":
            problem("passes SQLite's integrity check", text, REBUILD)
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        problem("rows refer to rows that exist", f"row {row} of {table} has none in {parent}", REBUILD)
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if _tables(connection) != _expected(version):
        problem("has the tables of its schema", f"they are not those of schema {version}", REBUILD)
    if connection.execute("PRAGMA journal_mode").fetchone()[0] not in ("wal", "off"):
        problem("is in WAL mode", "another program has changed it", "index the folders again: it is set again")
    if catalog.collection() is None:
        problem("names the collection and its encoder", "that row is missing", REBUILD)
    roots = sorted(root.path.rstrip(b"/") + b"/" for root in catalog.roots())
    if any(later.startswith(earlier) for earlier, later in pairwise(roots)):
        problem("no folder lies in another", "two of them do", "index the outer folder again")
    if catalog.count() != catalog.recount():
        detail = f"it counts {catalog.count()}, there are {catalog.recount()}"
        problem("counts its images", detail, REBUILD)


def verify_images(directory: Path, catalog: Catalog, findings: Findings) -> None:
    """Each image's row: its checksum, its id, sizes, and a place in a segment."""
    del directory
    problem = partial(findings.problem, CATALOG_FILE)
    rows_of = dict(catalog.connection.execute("SELECT id, rows FROM segment"))
    highest = _sequence(catalog, "image")
    ignored = set(catalog.connection.execute("SELECT sha256 FROM ignored")) if catalog.checked else set()
    for values in _checked_rows(catalog, "image", findings):
        key, image_id, sha256, width, height, _, size, segment, row, _ = values
        if len(sha256) != 32 or image_id != "img_" + sha256.hex()[:20]:
            problem("an image's id is made of its SHA-256", f"image {image_id!r}", HEAL)
        if width < 1 or height < 1 or size < 0:
            problem("an image has a size", f"image {image_id!r}: {width} × {height}, {size} bytes", HEAL)
        if not 0 <= row < rows_of.get(segment, 0):
            problem("an embedding lies in the rows that count", f"image {image_id!r}: row {row} of {segment}", HEAL)
        if key > highest:
            problem("keys are never used again", f"key {key} is above the highest given, {highest}", REBUILD)
        if (sha256,) in ignored:
            problem("removed images stay away", f"image {image_id!r} is there", "remove it again")


def verify_paths(directory: Path, catalog: Catalog, findings: Findings) -> None:
    """Each path's row: its checksum, what it shows, its tags, and its root."""
    del directory
    problem = partial(findings.problem, CATALOG_FILE)
    roots = {root.id: root.path.rstrip(b"/") + b"/" for root in catalog.roots()}
    for values in _checked_rows(catalog, "path", findings):
        _, path, display, root, _, _, _, _, tags, _ = values
        if display != display_text(path):
            problem("a path is shown as it is", repr(display), HEAL)
        if not path.startswith(roots.get(root, b"/")):
            problem("a path lies beneath its folder", repr(display), HEAL)
        if not _is_list_of_text(tags):
            problem("tags are a list of texts", f"{display!r}: {tags!r}", HEAL)


def _checked_rows(catalog: Catalog, table: str, findings: Findings) -> Any:
    """The rows of a table that have their checksum, counted; the others are found."""
    query = f"SELECT {columns(table, 't', checked=catalog.checked)} FROM {table} t"  # noqa: S608
    count = 0
    for *values, checksum in catalog.connection.execute(query):
        count += 1
        if count % _STEP == 0:
            findings.looked_at(f"{table}s", _STEP)
        try:
            check_row(table, tuple(values), checksum)
        except sqlite3.DatabaseError as error:
            findings.problem(CATALOG_FILE, f"rows of {table!r} have their checksum", str(error), REBUILD)
        else:
            yield values
    findings.looked_at(f"{table}s", count % _STEP)


def _is_list_of_text(text: str) -> bool:
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, list) and all(isinstance(one, str) for one in found)


def _sequence(catalog: Catalog, table: str) -> int:
    """The highest number that a table's AUTOINCREMENT has given."""
    found = catalog.connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return int(found[0]) if found else 0


def _tables(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    """Tables, indexes and triggers with their statements, spelled one way: SQLite quotes what it has renamed."""
    found = connection.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name")
    return [(*names, "".join(sql.replace('"', "").split())) for *names, sql in found]


def _expected(version: int) -> list[tuple[str, ...]]:
    """The tables of a schema, as its migrations make them."""
    with closing(sqlite3.connect(":memory:")) as fresh:
        register(fresh)
        for script in MIGRATIONS[:version]:
            for statement in statements(script):
                fresh.execute(statement)
        return _tables(fresh)
