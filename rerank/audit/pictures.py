"""Pictures found, decoded and prepared ahead of the model, each in a process that can be killed."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from PIL import Image

from rerank.audit.finding import Find
from rerank.decoding.pool import DecoderPool
from rerank.errors import ImageError
from rerank.preparation import Preparation, prepare_picture

# Longest side of a thumbnail, in pixels.
THUMBNAIL = 160
QUALITY = 78
# Pictures that lie ready in case a later row has them again, as several claims about one picture do.
KEPT = 64
# Fetching waits for others, so there are more threads than processes that decode.
MORE_THREADS = 4


@dataclass(frozen=True)
class Prepared:
    """A picture as the model takes it, and small for a report."""

    image: Image.Image
    thumbnail: bytes


class PictureReader:
    """Reads pictures on threads of its own. A context manager.

    Args:
        find: gives the bytes or the file of a picture.
        decoders: processes that decode; closed by whoever made them.
        how, size: as ``prepare_picture`` takes them.
    """

    def __init__(self, find: Find, decoders: DecoderPool, how: Preparation, size: int) -> None:
        self._find = find
        self._decoders = decoders
        self._how = how
        self._size = size
        self._threads = ThreadPoolExecutor(decoders.workers + MORE_THREADS, thread_name_prefix="audit-decode")
        self._kept: OrderedDict[str, Future[Prepared]] = OrderedDict()
        # Decoded whole, pictures are large: only as many as are being decoded are held so.
        self._room = threading.BoundedSemaphore(decoders.workers)

    def submit(self, name: str) -> Future[Prepared]:
        """A picture on its way; its future raises ImageError, which says what is wrong with it.

        Called from one thread.
        """
        future = self._kept.pop(name, None)
        if future is None or future.cancelled():
            future = self._threads.submit(self._read, name)
        self._kept[name] = future
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return future

    def _read(self, name: str) -> Prepared:
        found = self._find(name)
        with self._room:
            try:
                if isinstance(found, bytes):
                    image = self._decoders.decode(found).image
                else:
                    decoded = self._decoders.decode_file(found).decoded
                    assert decoded is not None  # everything is wanted
                    image = decoded.image
            except OSError as error:
                raise ImageError(error.strerror or str(error)) from error
            return Prepared(prepare_picture(image, self._how, self._size), _thumbnail(image))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._decoders.cancel()
        self._threads.shutdown(wait=True, cancel_futures=True)


def _thumbnail(image: Image.Image) -> bytes:
    small = image.copy() if max(image.size) <= THUMBNAIL else image
    small = small.resize(_fitted(image.size), Image.Resampling.BICUBIC, reducing_gap=2.0)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _fitted(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, THUMBNAIL / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
