"""One writer a collection: an flock that the kernel frees when its holder dies."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from retrieval.catalog import CATALOG_FILE, display_text
from retrieval.errors import CollectionError, CollectionLocked
from retrieval.manifest import MANIFEST_FILE

LOCK_FILE = "lock"


class WriteLock:
    """The right to write to the collection in ``directory``, held until ``release``.

    Raises:
        CollectionLocked: another process holds it; the message names its pid and host.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._descriptor = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, 512, 0).decode("utf-8", "replace").strip()
            os.close(self._descriptor)
            raise _refusal(directory, holder, error) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"pid {os.getpid()} on {socket.gethostname()}\n".encode(), 0)

    def release(self) -> None:
        """Let others write; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def lock_directory(directory: Path) -> WriteLock:
    """Take the lock of the collection in ``directory``, making the directory if need be.

    Raises:
        CollectionLocked: another process is writing.
        CollectionError: the directory holds something else, or cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        others = sorted(set(os.listdir(directory)) - {LOCK_FILE})  # noqa: PTH208
        if others and not {CATALOG_FILE, MANIFEST_FILE} & set(others):
            first = display_text(os.fsencode(others[0]))
            raise CollectionError(f"{directory}: holds other things ({first}, …); name a new or empty directory")
        return WriteLock(directory)
    except OSError as error:
        raise CollectionError(f"{directory}: cannot be a collection ({error.strerror}); name another place") from error


def _refusal(directory: Path, holder: str, error: OSError) -> CollectionError:
    if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
        by = f"process {holder}" if holder else "another process"
        return CollectionLocked(f"{directory}: {by} is writing to this collection; wait for it to end, then try again")
    return CollectionError(f"{directory}: the file system gives no locks ({error.strerror}); keep it on a local disk")
