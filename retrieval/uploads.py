"""Pictures that a collection keeps itself: the files of those that were uploaded, with what was said of them.

The catalogue knows them by paths relative to the collection's directory, so that it may be moved and copied.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from retrieval.atomic import sync_directory, write_atomically

UPLOADS_DIRECTORY = "uploads"
UPLOADS_ROOT = os.fsencode(UPLOADS_DIRECTORY)
SIDECAR_SUFFIX = ".json"
_SUFFIXES = {"JPEG": ".jpg", "TIFF": ".tif", "HEIF": ".heic", "JPEG2000": ".jp2", "DIB": ".bmp"}


def is_upload(path: bytes) -> bool:
    """Whether a path of the catalogue is that of an uploaded picture."""
    return path.startswith(UPLOADS_ROOT + b"/")


def upload_path(image_id: str, kind: str) -> bytes:
    """The catalogue's path of an uploaded picture of a format such as JPEG."""
    return UPLOADS_ROOT + f"/{image_id}{_SUFFIXES.get(kind, '.' + kind.lower())}".encode()


def keep_upload(directory: Path, path: bytes, data: bytes, caption: str | None, tags: Sequence[str]) -> os.stat_result:
    """Write a picture and what was said of it into the collection in ``directory``; durable when it returns.

    Raises:
        OSError: the disk is full or failing; nothing of it is left.
    """
    file = directory / os.fsdecode(path)
    folder = file.parent
    if not folder.is_dir():
        folder.mkdir()
        sync_directory(directory)
    try:
        sidecar = file.with_suffix(SIDECAR_SUFFIX)
        if caption or tags:
            said = json.dumps({"caption": caption, "tags": list(tags)}, ensure_ascii=False)
            _write(sidecar, said.encode())
        else:
            sidecar.unlink(missing_ok=True)  # of an upload of the same bytes that was cut short
        _write(file, data)
        return file.stat()
    except BaseException:
        drop_upload(directory, path)
        raise


def drop_upload(directory: Path, path: bytes) -> None:
    """Remove the files of an uploaded picture, as far as they are there."""
    file = directory / os.fsdecode(path)
    with suppress(OSError):  # what cannot be removed now, the next indexing removes
        file.unlink(missing_ok=True)
        file.with_suffix(SIDECAR_SUFFIX).unlink(missing_ok=True)
        sync_directory(file.parent)


def _write(path: Path, data: bytes) -> None:
    def write(file: BinaryIO) -> None:
        file.write(data)

    write_atomically(path, write)
