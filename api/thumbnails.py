"""Pictures of the collection, small and re-encoded, or whole when they are still what was indexed."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import threading
from collections import OrderedDict
from pathlib import Path

from PIL import Image

from rerank.images import load_image
from retrieval.errors import ImageNotFound
from retrieval.types import ImageRecord

SIZES = (64, 128, 256, 512, 1024)
DEFAULT_SIZE = 256
QUALITY = 85


class Thumbnails:
    """Makes thumbnails, and keeps the newest ``budget`` bytes of them. Thread-safe."""

    def __init__(self, *, max_pixels: int, budget: int = 32 * 2**20) -> None:
        self._max_pixels = max_pixels
        self._budget = budget
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, record: ImageRecord, path: Path, size: int) -> bytes:
        """A JPEG of the picture, no side longer than ``size``.

        Raises:
            ImageNotFound: the file is gone or is not what was indexed.
            ImageError: it cannot be decoded.
        """
        key = record.id, size
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        data = self.encode(read_unchanged(record, path), size)
        with self._lock:
            if key not in self._kept and len(data) <= self._budget:
                self._kept[key] = data
                self._size += len(data)
            while self._size > self._budget:
                self._size -= len(self._kept.popitem(last=False)[1])
        return data

    def encode(self, data: bytes, size: int | None) -> bytes:
        """The bytes of any image file as an upright JPEG without metadata; ``size`` None keeps its size."""
        image = load_image(data, max_pixels=self._max_pixels, max_side=size, srgb=True)
        if size is not None:
            image.thumbnail((size, size), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        image.save(out, "JPEG", quality=QUALITY, optimize=True)
        return out.getvalue()


def read_unchanged(record: ImageRecord, path: Path) -> bytes:
    """The file's bytes, when they still are those that its id was made of.

    Whatever was put in its place since, a link to another file included, is therefore never handed out.

    Raises:
        ImageNotFound: the file is gone or has changed.
    """
    changed = ImageNotFound(
        f"{record.id}: its file is gone or has changed since it was indexed; index the folder again"
    )
    try:
        # Non-blocking, so that a FIFO put in the file's place cannot hang the reader.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        raise changed from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size != record.bytes:
            raise changed
        data = file.read(record.bytes + 1)
    if not record.id.endswith(hashlib.sha256(data).hexdigest()[:20]):
        raise changed
    return data
