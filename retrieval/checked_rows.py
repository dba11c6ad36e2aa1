"""CheckedRows: rows of the catalogue's database, each held against its checksum as it is read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

from retrieval.checksums import check_rows, columns
from retrieval.schema import CHECKSUMS_SINCE

_IN = 10_000  # values in one IN (…), below SQLite's limit of 32,766


class CheckedRows:
    """Questions to one connection; ``sqlite3.DatabaseError`` where a row has been altered."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    @cached_property
    def checked(self) -> bool:
        """Whether rows carry checksums: not in a collection of an older schema, which readers take as it is."""
        return int(self.connection.execute("PRAGMA user_version").fetchone()[0]) >= CHECKSUMS_SINCE

    def where_in(self, query: str, values: Sequence[object], *before: object) -> Iterator[tuple[Any, ...]]:
        """Rows of a query with ``IN ({})`` for all ``values``; ``before`` fills the places in front of it."""
        parts = (values[start : start + _IN] for start in range(0, len(values), _IN))
        # A part at once: a cursor that is left off midway would be closed too late.
        return chain.from_iterable(
            self.connection.execute(query.format(",".join("?" * len(part))), (*before, *part)).fetchall()
            for part in parts
        )

    def select(self, table: str, rest: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Checked rows of ``table``, called t in ``rest``: the values that ``CHECKED_COLUMNS`` names."""
        query = f"SELECT {columns(table, 't', checked=self.checked)} FROM {table} t {rest}"  # noqa: S608
        return check_rows(table, self.connection.execute(query, values))

    def select_in(self, table: str, rest: str, values: Sequence[object]) -> Iterator[tuple[Any, ...]]:
        """As ``select``, with ``IN ({})`` in ``rest`` for all ``values``."""
        query = f"SELECT {columns(table, 't', checked=self.checked)} FROM {table} t {rest}"  # noqa: S608
        return check_rows(table, self.where_in(query, values))
