"""Whether a collection may have changed, for a few system calls: asked before every search of a server."""

from __future__ import annotations

import os
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from retrieval.catalog import CATALOG_FILE
from retrieval.connections import connect, damage_named
from retrieval.manifest import MANIFEST_FILE

Identity = tuple[int, ...]


@dataclass(frozen=True)
class Beat:
    """Equal beats: nothing was committed or published between them.

    ``catalog`` is the file, ``commits`` SQLite's counter of commits by others, ``manifest`` the file and its time.
    """

    catalog: Identity
    commits: int
    manifest: Identity


class Pulse:
    """Takes the beats of the collection in ``directory``; thread-safe."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # As text: taking paths apart would cost more than asking the system.
        self._files = str(directory / CATALOG_FILE), str(directory / MANIFEST_FILE)
        self._connection: sqlite3.Connection | None = None
        self._catalog: Identity = ()
        self._lock = threading.Lock()

    def beat(self) -> Beat:
        """The present beat. Take it before reading: what comes after it, the next one tells."""
        with self._lock, damage_named(self._directory):
            catalog = _identity(self._files[0])[:2]
            if self._connection is None or catalog != self._catalog:
                # Another file under the catalogue's name: put back from a copy.
                self._close()
                self._connection, self._catalog = connect(self._directory), catalog
            commits = int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        return Beat(catalog, commits, _identity(self._files[1]))

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _identity(path: str) -> Identity:
    """Device, inode, time in ns and size of a file; nothing where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 -- see `Pulse`
    except FileNotFoundError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
