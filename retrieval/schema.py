"""The catalogue's tables, as numbered migrations: number n brings ``PRAGMA user_version`` to n."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

# Keys are never reused (AUTOINCREMENT): an index that still holds a removed image must not find another
# one under its key. `change` is the log that readers replay on top of an older index.
_FIRST = """
CREATE TABLE collection (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL,
    encoder TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    fingerprint TEXT NOT NULL
) STRICT;
CREATE TABLE segment (
    id INTEGER PRIMARY KEY,
    dimension INTEGER NOT NULL,
    rows INTEGER NOT NULL
) STRICT;
CREATE TABLE image (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    sha256 BLOB NOT NULL UNIQUE,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    format TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    segment INTEGER NOT NULL REFERENCES segment(id),
    row INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    UNIQUE (segment, row)
) STRICT;
CREATE TABLE root (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE,
    display TEXT NOT NULL
) STRICT;
CREATE TABLE mount (path BLOB PRIMARY KEY) STRICT;
CREATE TABLE path (
    seen INTEGER PRIMARY KEY AUTOINCREMENT,
    path BLOB NOT NULL UNIQUE,
    display TEXT NOT NULL,
    root INTEGER NOT NULL REFERENCES root(id),
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    sidecar TEXT NOT NULL,
    caption TEXT,
    tags TEXT NOT NULL,
    image INTEGER NOT NULL REFERENCES image(key)
) STRICT;
CREATE INDEX path_image ON path(image);
CREATE TABLE op (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('add', 'update', 'remove')),
    key INTEGER NOT NULL,
    id TEXT NOT NULL
) STRICT;
CREATE TABLE failure (
    path BLOB NOT NULL,
    display TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
"""

# The fingerprint stands in each row, so that one lookup by image and fingerprint finds it. Segment ids are never
# reused either: a reader may still have the file of one open.
_RERANK_TOKENS = """
CREATE TABLE token_segment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL,
    cells INTEGER NOT NULL,
    width INTEGER NOT NULL,
    rows INTEGER NOT NULL
) STRICT;
CREATE TABLE rerank_tokens (
    image INTEGER NOT NULL REFERENCES image(key) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,
    segment INTEGER NOT NULL REFERENCES token_segment(id),
    row INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (image, fingerprint),
    UNIQUE (segment, row)
) STRICT, WITHOUT ROWID;
"""

# SQLite has no checksums of its own, so each row that an answer is made of carries one: see ``retrieval.checksums``.
# Triggers keep them, and the count of images that have a path, so that no statement can forget to.
_CHECKED = """
ALTER TABLE collection ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE image ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE path ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE root ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segment ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
UPDATE segment SET fingerprint = coalesce((SELECT fingerprint FROM collection), '');
CREATE TABLE new_op (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('add', 'update', 'remove', 'encoder')),
    key INTEGER NOT NULL,
    id TEXT NOT NULL,
    checksum INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO new_op (seq, kind, key, id, checksum)
    SELECT seq, kind, key, id, row_checksum(seq, kind, key, id) FROM op ORDER BY seq;
DROP TABLE op;
ALTER TABLE new_op RENAME TO op;
CREATE INDEX op_encoder ON op(seq) WHERE kind = 'encoder';
CREATE TABLE ignored (
    sha256 BLOB PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    display TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE next_encoder (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    encoder TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    fingerprint TEXT NOT NULL
) STRICT;
CREATE TABLE next_embedding (
    image INTEGER PRIMARY KEY REFERENCES image(key) ON DELETE CASCADE,
    segment INTEGER NOT NULL REFERENCES segment(id),
    row INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    UNIQUE (segment, row)
) STRICT;
CREATE TABLE tally (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    images INTEGER NOT NULL
) STRICT;
INSERT INTO tally SELECT 1, count(DISTINCT image) FROM path;
UPDATE collection SET checksum = row_checksum(name, encoder, dimension, fingerprint);
UPDATE image SET checksum = row_checksum(key, id, sha256, width, height, format, bytes, segment, row, crc);
UPDATE path SET checksum =
    row_checksum(seen, path, display, root, size, mtime_ns, sidecar, caption, tags, image);
UPDATE root SET checksum = row_checksum(id, path, display);
CREATE TRIGGER image_paths_more AFTER INSERT ON path
WHEN (SELECT count(*) FROM path WHERE image = NEW.image) = 1 BEGIN
    UPDATE tally SET images = images + 1;
END;
CREATE TRIGGER image_paths_fewer AFTER DELETE ON path
WHEN NOT EXISTS (SELECT 1 FROM path WHERE image = OLD.image) BEGIN
    UPDATE tally SET images = images - 1;
END;
CREATE TRIGGER image_paths_moved AFTER UPDATE OF image ON path WHEN NEW.image <> OLD.image BEGIN
    UPDATE tally SET images = images
        + ((SELECT count(*) FROM path WHERE image = NEW.image) = 1)
        - (NOT EXISTS (SELECT 1 FROM path WHERE image = OLD.image));
END;
"""

# What could not be read is not tried again while size, time of change and reader are the same; NULL is no promise.
_FAILURES = """
CREATE TABLE new_failure (
    path BLOB PRIMARY KEY,
    display TEXT NOT NULL,
    reason TEXT NOT NULL,
    size INTEGER,
    mtime_ns INTEGER,
    reader TEXT
) STRICT;
INSERT OR REPLACE INTO new_failure (path, display, reason) SELECT path, display, reason FROM failure;
DROP TABLE failure;
ALTER TABLE new_failure RENAME TO failure;
"""


# What each row's checksum is over, in this order.
CHECKED_COLUMNS = {
    "collection": ("name", "encoder", "dimension", "fingerprint"),
    "image": ("key", "id", "sha256", "width", "height", "format", "bytes", "segment", "row", "crc"),
    "path": ("seen", "path", "display", "root", "size", "mtime_ns", "sidecar", "caption", "tags", "image"),
    "root": ("id", "path", "display"),
    "op": ("seq", "kind", "key", "id"),
}


def _checksum_triggers(table: str) -> str:
    columns = CHECKED_COLUMNS[table]
    values = ", ".join(f"NEW.{name}" for name in columns)
    update = f"UPDATE {table} SET checksum = row_checksum({values}) WHERE rowid = NEW.rowid;"  # noqa: S608
    return (
        f"CREATE TRIGGER {table}_checked AFTER INSERT ON {table} BEGIN\n    {update}\nEND;\n"
        f"CREATE TRIGGER {table}_checked_again AFTER UPDATE OF {', '.join(columns)} ON {table} BEGIN\n"
        f"    {update}\nEND;\n"
    )


MIGRATIONS: tuple[str, ...] = (
    _FIRST,
    _RERANK_TOKENS,
    _CHECKED + "".join(map(_checksum_triggers, CHECKED_COLUMNS)),
    _FAILURES,
)
# What a reader still understands: the tables that it misses in an older schema it takes for empty.
OLDEST_READABLE = 1
TOKENS_SINCE = 2
CHECKSUMS_SINCE = 3


def statements(script: str) -> Iterator[str]:
    """The statements of a migration, one by one: ``executescript`` would commit behind our back."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
