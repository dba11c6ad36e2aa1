"""Pictures of the collection, small and re-encoded, or whole when they are still what was indexed."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections import OrderedDict
from pathlib import Path

from anyio.to_thread import run_sync
from PIL import Image

from api.decoding import Decoder
from retrieval.errors import ImageNotFound
from retrieval.types import ImageRecord

SIZES = (64, 128, 256, 512, 1024)
DEFAULT_SIZE = 256
QUALITY = 85


class Thumbnails:
    """Makes thumbnails, and keeps the newest ``budget`` bytes of them. For one event loop."""

    def __init__(self, decoder: Decoder, *, budget: int = 32 * 2**20) -> None:
        self._decoder = decoder
        self._budget = budget
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._size = 0

    async def get(self, record: ImageRecord, path: Path, size: int) -> bytes:
        """A JPEG of the picture, no side longer than ``size``.

        Raises:
            ImageNotFound: the file is gone or is not what was indexed.
            ImageError: it cannot be decoded.
        """
        key = record.id, size
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        data = await self.encode(await run_sync(read_unchanged, record, path), size)
        if key not in self._kept and len(data) <= self._budget:
            self._kept[key] = data
            self._size += len(data)
        while self._size > self._budget:
            self._size -= len(self._kept.popitem(last=False)[1])
        return data

    async def encode(self, data: bytes, size: int | None) -> bytes:
        """The bytes of any image file as an upright JPEG without metadata; ``size`` None keeps its size."""
        image = await self._decoder.decode(data, max_side=size, srgb=True)
        return await run_sync(_jpeg, image, size)

    def forget(self, image_id: str) -> None:
        """Drop what is kept of an image."""
        for size in SIZES:
            self._size -= len(self._kept.pop((image_id, size), b""))


def _jpeg(image: Image.Image, size: int | None) -> bytes:
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
        # Non-blocking, so that a FIFO put in the file's place cannot hang the reader; nor is a link followed, since
        # ``path`` had none when it was looked up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
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
