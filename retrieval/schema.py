"""The catalogue's tables, as numbered migrations: number n brings ``PRAGMA user_version`` to n."""

from __future__ import annotations

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

MIGRATIONS: tuple[str, ...] = (_FIRST, _RERANK_TOKENS)
# What a reader still understands: the tables that it misses in an older schema it takes for empty.
OLDEST_READABLE = 1
TOKENS_SINCE = 2
