"""Rows of the catalogue that were read and checked before, for as long as nobody has committed anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import TypeVar

from retrieval.types import ImageRecord

K = TypeVar("K", int, str)
V = TypeVar("V")
# How many of a kind are kept, some 150 bytes an id and 1 KB a record; then it begins anew.
MOST_IDS, MOST_RECORDS = 100_000, 10_000


class KeptRows:
    """What one connection has read since the last commit of another. For the rows of every answer SQLite has to be
    asked one by one, and each time other threads take the interpreter."""

    def __init__(self) -> None:
        self.ids: dict[int, str] = {}
        self.records: dict[str, ImageRecord] = {}
        self._version = -1

    def begin(self, connection: sqlite3.Connection) -> None:
        """Forget everything, where the transaction that has just begun sees another state than the last one."""
        version = int(connection.execute("PRAGMA data_version").fetchone()[0])
        if version != self._version:
            self.ids, self.records, self._version = {}, {}, version


def through(kept: dict[K, V], most: int, wanted: Iterable[K], read: Callable[[list[K]], dict[K, V]]) -> dict[K, V]:
    """Of ``wanted``, what is there: from ``kept``, else from ``read``, which is kept."""
    found = {key: kept[key] for key in wanted if key in kept}
    missing = [key for key in wanted if key not in found]
    if missing:
        new = read(missing)
        if len(kept) + len(new) > most:
            kept.clear()
        kept.update(new)
        found.update(new)
    return found
