"""Files that are there whole or not at all, also after a power cut."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from retrieval.errors import CollectionError

TEMPORARY = ".tmp"


def write_atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Let ``write`` fill a file aside, sync it, give it its name, and sync the directory."""
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable: a synced file without its name is lost all the same."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk_errors_named(directory: Path) -> Iterator[None]:
    """Turn what the operating system reports on writing into a CollectionError with a remedy."""
    try:
        yield
    except OSError as error:
        raise CollectionError(
            f"{directory}: cannot be written to ({error.strerror}); what had been committed before is kept. "
            "See to the disk and run again"
        ) from error


def sweep(directory: Path) -> None:
    """Remove what a killed writer left half written. Only for the holder of the writing lock."""
    for left in directory.glob(f"*{TEMPORARY}"):
        left.unlink(missing_ok=True)
