"""Checksums of catalogue rows: SQLite notices a broken page, but not a flipped bit in a value."""

from __future__ import annotations

import sqlite3
import zlib

from retrieval.schema import CHECKED_COLUMNS

Value = int | str | bytes | None


def row_checksum(*values: Value) -> int:
    """CRC-32 over a row's values in the order of ``CHECKED_COLUMNS``.

    Over Python's ASCII notation of the tuple, which tells 1 from "1" and None from "", and is the same everywhere.
    """
    return zlib.crc32(ascii(values).encode("ascii"))


def check_row(table: str, values: tuple[Value, ...], checksum: int | None) -> None:
    """Refuse a row that has been altered; None, of a collection older than checksums, passes.

    Raises:
        sqlite3.DatabaseError: as for every other damage of the catalogue, which names the file there.
    """
    if checksum is not None and row_checksum(*values) != checksum:
        raise sqlite3.DatabaseError(f"a row of {table!r} fails its checksum: {values[0]!r}")


def register(connection: sqlite3.Connection) -> None:
    """Let the triggers of a connection compute checksums."""
    connection.create_function("row_checksum", -1, row_checksum, deterministic=True)


def columns(table: str, alias: str, *, checked: bool) -> str:
    """A checked table's columns and the checksum, for a SELECT that ``check_row`` is to see; NULL if it has none."""
    names = ", ".join(f"{alias}.{name}" for name in CHECKED_COLUMNS[table])
    return f"{names}, {alias}.checksum" if checked else f"{names}, NULL"
