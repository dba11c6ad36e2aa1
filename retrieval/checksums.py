"""Checksums of catalogue rows: SQLite notices a broken page, but not a flipped bit in a value."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from retrieval.schema import CHECKED_COLUMNS

Value = int | str | bytes | None


def row_checksum(*values: Value) -> int:
    """CRC-32 over a row's values in the order of ``CHECKED_COLUMNS``.

    Over Python's ASCII notation of the tuple, which tells 1 from "1" and None from "", and is the same everywhere.
    """
    return zlib.crc32(ascii(values).encode("ascii"))


def check_row(table: str, values: tuple[Value, ...], checksum: int | None) -> None:
    """As ``check_rows``, for one row."""
    for _ in check_rows(table, [(*values, checksum)]):
        pass


def check_rows(table: str, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The values of ``rows``, whose last is their checksum; None, of a collection older than checksums, passes.

    Raises:
        sqlite3.DatabaseError: at a row that has been altered; as every other damage of the catalogue.
    """
    for row in rows:
        values, checksum = row[:-1], row[-1]
        # ``row_checksum``, without the calls: it is done for every row of every answer.
        if checksum is not None and zlib.crc32(ascii(values).encode("ascii")) != checksum:
            raise sqlite3.DatabaseError(f"a row of {table!r} fails its checksum: {values[0]!r}")
        yield values


def register(connection: sqlite3.Connection) -> None:
    """Let the triggers of a connection compute checksums."""
    connection.create_function("row_checksum", -1, row_checksum, deterministic=True)


def columns(table: str, alias: str, *, checked: bool) -> str:
    """A checked table's columns and the checksum, for a SELECT that ``check_rows`` is to see; NULL if it has none."""
    names = ", ".join(f"{alias}.{name}" for name in CHECKED_COLUMNS[table])
    return f"{names}, {alias}.checksum" if checked else f"{names}, NULL"
