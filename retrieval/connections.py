"""Connections to the catalogue's database: how they are opened, checked, lent and closed."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from retrieval.catalog import CATALOG_FILE, Catalog
from retrieval.checksums import register
from retrieval.errors import CollectionDamaged, CollectionError
from retrieval.kept_rows import KeptRows
from retrieval.schema import MIGRATIONS, OLDEST_READABLE

BUSY_SECONDS = 60


def connect(directory: Path, *, create: bool = False, touch: bool = True) -> sqlite3.Connection:
    """A connection to the catalogue in ``directory``; transactions are begun and ended by hand.

    Without ``touch`` it leaves SQLite's log where it is when it is closed, also when it is the last one.
    """
    path = directory / CATALOG_FILE
    mode = "rwc" if create else _read_mode(path)
    uri = f"file:{quote(os.fsencode(path))}?mode={mode if touch or mode != 'rw' else 'ro'}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    connection.execute("PRAGMA foreign_keys = ON")
    register(connection)
    return connection


def _read_mode(path: Path) -> str:
    if os.access(path.parent, os.W_OK):
        return "rw"  # also readers keep the log's shared memory
    log = path.with_name(path.name + "-wal")
    if os.statvfs(path.parent).f_flag & os.ST_RDONLY and not (log.exists() and log.stat().st_size):
        return "ro&immutable=1"  # on a read-only file system SQLite cannot make the files that WAL needs
    return "ro"


def check_version(connection: sqlite3.Connection, path: Path) -> int:
    """The catalogue's schema number. CollectionError when a newer Veralens wrote it."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise CollectionError(f"{path}: has schema {version}, newer than {len(MIGRATIONS)}; update Veralens")
    return version


@contextmanager
def damage_named(directory: Path) -> Iterator[None]:
    """Turn SQLite's errors into the collection's own, with the file and the remedy."""
    path = directory / CATALOG_FILE
    try:
        yield
    except sqlite3.OperationalError as error:
        raise CollectionError(f"{path}: {error}; what had been committed before is kept") from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        # The latter where SQLite's own words name what is damaged, and Python cannot read them.
        raise CollectionDamaged(
            f"{path}: is damaged ({error}); move the collection away and index the folders into a new one"
        ) from error


class ReaderPool:
    """Read connections, lent to one thread at a time and kept for the next."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._idle: list[tuple[sqlite3.Connection, KeptRows]] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def lend(self) -> Iterator[Catalog]:
        """A catalogue in one read transaction: all its answers are of the same moment."""
        with damage_named(self._directory):
            connection, kept = self._take()
            try:
                connection.execute("BEGIN")
                kept.begin(connection)
                yield Catalog(connection, kept)
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
            self._give_back(connection, kept)

    def close(self) -> None:
        """Close the idle connections; lent ones close when they come back."""
        with self._lock:
            self._closed = True
            for connection, _ in self._idle:
                connection.close()
            self._idle.clear()

    def renew(self) -> None:
        """Close the idle connections: the catalogue is another file now."""
        with self._lock:
            for connection, _ in self._idle:
                connection.close()
            self._idle.clear()

    def _take(self) -> tuple[sqlite3.Connection, KeptRows]:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        connection = connect(self._directory)
        try:
            version = check_version(connection, self._directory / CATALOG_FILE)
            if version == 0:
                raise CollectionDamaged(
                    f"{self._directory / CATALOG_FILE}: is empty; index the folders again to fill it"
                )
            if version < OLDEST_READABLE:
                raise CollectionError(f"{self._directory}: has the older schema {version}; index again to update it")
            connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
        return connection, KeptRows()

    def _give_back(self, connection: sqlite3.Connection, kept: KeptRows) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append((connection, kept))
                return
        connection.close()
