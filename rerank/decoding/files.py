"""Reading image files, whatever else may lie under their names."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from rerank.errors import ImageError, ImageTooLarge

MAX_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class FileContent:
    """A file's bytes, with the size in bytes and the time of change that it had while it was read."""

    data: bytes
    size: int
    mtime_ns: int


class StillWritten(ImageError):
    """A file that changed while it was read."""


class CutShort(ImageError):
    """A file whose decoder was ended by the clock, or from outside: another time it may go well."""


def read_file(path: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> FileContent:
    """The bytes of a file.

    Raises:
        ImageError: it is no regular file, too large, or changed while it was read (StillWritten).
        OSError: it cannot be read.
    """
    # Without O_NONBLOCK a named pipe put in the file's place would hang us.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise ImageError("is no longer a regular file")
        if before.st_size > max_bytes:
            raise ImageTooLarge(f"has {before.st_size:,} bytes, more than {max_bytes:,}")
        data = stream.read(before.st_size + 1)  # one more, to see it grow
        after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != after.st_size:
        raise StillWritten("was being written while it was read; the next run takes it")
    return FileContent(data, after.st_size, after.st_mtime_ns)
