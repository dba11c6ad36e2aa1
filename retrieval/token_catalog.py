"""Which images have tokens of which reranker, and where they lie: the catalogue's tables for that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from retrieval.catalog import Catalog
from retrieval.schema import TOKENS_SINCE
from retrieval.segments import Row
from retrieval.types import TokenSet


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where the tokens (cells, width) of an image lie."""

    id: str
    cells: int
    width: int
    row: Row


@dataclass(frozen=True, slots=True)
class TokenSegment:
    """A file of tokens (cells, width), of which ``rows`` rows count."""

    id: int
    cells: int
    width: int
    rows: int


@dataclass(frozen=True, slots=True)
class Tokenless:
    """An image without tokens."""

    key: int
    id: str
    sha256: bytes
    bytes: int


def token_places(catalog: Catalog, ids: Sequence[str], fingerprint: str) -> list[TokenPlace]:
    """Where the tokens of ``ids`` by one reranker lie, in that order; those that have none are left out."""
    if not _has_tables(catalog):
        return []
    query = (
        "SELECT i.id, s.cells, s.width, i.key, t.segment, t.row, t.crc FROM image i "
        "JOIN rerank_tokens t ON t.image = i.key AND t.fingerprint = ? JOIN token_segment s ON s.id = t.segment "
        "WHERE i.id IN ({})"
    )
    rows = catalog.where_in(query, ids, fingerprint)
    found = [TokenPlace(image_id, cells, width, Row(*row)) for image_id, cells, width, *row in rows]
    return sorted(found, key=lambda place: (place.row.segment, place.row.row))


def token_sets(catalog: Catalog) -> list[TokenSet]:
    """For each reranker, of how many images there are tokens, and how many bytes they take on disk."""
    if not _has_tables(catalog):
        return []
    query = (
        "SELECT fingerprint, (SELECT count(*) FROM rerank_tokens t WHERE t.fingerprint = s.fingerprint), "
        "sum(rows * cells * width * 2) FROM token_segment s GROUP BY fingerprint ORDER BY min(id)"
    )
    return [TokenSet(*row) for row in catalog.connection.execute(query)]


def count_tokenless(catalog: Catalog, fingerprint: str) -> int:
    """How many images have no tokens of this reranker."""
    return int(catalog.connection.execute(f"SELECT count(*) {_TOKENLESS}", (fingerprint,)).fetchone()[0])


def tokenless(catalog: Catalog, fingerprint: str, after: int, limit: int) -> list[Tokenless]:
    """The next images, by key, that have no tokens of this reranker."""
    query = f"SELECT key, id, sha256, bytes {_TOKENLESS} AND key > ? ORDER BY key LIMIT ?"
    return [Tokenless(*row) for row in catalog.connection.execute(query, (fingerprint, after, limit))]


def token_segments(catalog: Catalog, fingerprint: str) -> list[TokenSegment]:
    """The files that hold tokens of this reranker; the last one grows."""
    query = "SELECT id, cells, width, rows FROM token_segment WHERE fingerprint = ? ORDER BY id"
    return [TokenSegment(*row) for row in catalog.connection.execute(query, (fingerprint,))]


def token_rows(catalog: Catalog, segment: int) -> Iterator[Row]:
    """Every row of a file that counts, in order."""
    query = "SELECT image, segment, row, crc FROM rerank_tokens WHERE segment = ? ORDER BY row"
    return (Row(*row) for row in catalog.connection.execute(query, (segment,)))


def add_token_segment(catalog: Catalog, fingerprint: str, cells: int, width: int) -> TokenSegment:
    """Enter a new file; the caller holds a transaction, here and below."""
    query = "INSERT INTO token_segment (fingerprint, cells, width, rows) VALUES (?, ?, ?, 0)"
    cursor = catalog.connection.execute(query, (fingerprint, cells, width))
    return TokenSegment(int(cursor.lastrowid or 0), cells, width, 0)


def add_token_rows(catalog: Catalog, fingerprint: str, segment: int, rows: Sequence[Row]) -> None:
    """Enter rows at the end of a file, and move its row count behind them."""
    query = "INSERT INTO rerank_tokens (image, fingerprint, segment, row, crc) VALUES (?, ?, ?, ?, ?)"
    values = ((row.key, fingerprint, row.segment, row.row, row.crc) for row in rows)
    catalog.connection.executemany(query, values)
    catalog.connection.execute("UPDATE token_segment SET rows = ? WHERE id = ?", (rows[-1].row + 1, segment))


def forget_tokens(catalog: Catalog, fingerprint: str, keys: Iterable[int]) -> None:
    """Forget the tokens of images by their keys."""
    query = "DELETE FROM rerank_tokens WHERE image = ? AND fingerprint = ?"
    catalog.connection.executemany(query, ((key, fingerprint) for key in keys))


_TOKENLESS = (
    "FROM image WHERE NOT EXISTS (SELECT 1 FROM rerank_tokens WHERE image = image.key AND fingerprint = ?) "
    "AND EXISTS (SELECT 1 FROM path WHERE path.image = image.key)"
)


def _has_tables(catalog: Catalog) -> bool:
    """False in a collection of an older schema, which readers take as it is."""
    return int(catalog.connection.execute("PRAGMA user_version").fetchone()[0]) >= TOKENS_SINCE
