"""Decoder: what strangers send becomes pictures in processes that can be killed."""

from __future__ import annotations

import io
import os
import threading
from typing import Protocol

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from PIL import Image

from api.admission import QueueFull
from rerank.decoding.pool import DecoderPool
from rerank.errors import ImageError, ImageTooLarge
from rerank.images import DecodedImage
from rerank.preparation import prepare_picture

# More processes would only take memory from each other: decoding is short beside what the models do.
MOST_PROCESSES = 4
# When to come back, in seconds, where too many pictures wait to be decoded.
RETRY_AFTER = 2


class Failures(Protocol):
    """Counts pictures that could not be decoded, by a reason of few words."""

    def __call__(self, reason: str) -> None: ...


class Decoder:
    """Decodes images off the event loop, a few at a time; its processes start with the first of them.

    Args:
        max_pixels: a picture of more is refused; see ``rerank.images.load_image``.
        seconds: processor time for one picture.
        processes: pictures decoded at a time; None takes as many as there are processors, 4 at most.
        max_waiting: pictures that may wait for a process; those beyond are refused at once.
        failed: told of each picture that could not be decoded.
    """

    def __init__(
        self,
        *,
        max_pixels: int,
        seconds: float = 10.0,
        processes: int | None = None,
        max_waiting: int = 64,
        failed: Failures | None = None,
    ) -> None:
        self._max_pixels = max_pixels
        self._seconds = seconds
        self._processes = processes or min(MOST_PROCESSES, os.cpu_count() or 1)
        self._max_waiting = max_waiting
        self._failed = failed
        self._limiter: CapacityLimiter | None = None
        self._pool: DecoderPool | None = None
        self._closed = False
        self._lock = threading.Lock()

    async def decode(self, data: bytes, *, max_side: int | None = None, srgb: bool = False) -> Image.Image:
        """The bytes of an image file as an upright RGB picture; the arguments are those of ``load_image``.

        Raises:
            ImageError: what is wrong with it; ImageTooLarge where it asks for more than is given to one picture.
            QueueFull: too many wait already.
        """
        return (await self.read(data, max_side=max_side, srgb=srgb)).image

    async def read(self, data: bytes, *, max_side: int | None = None, srgb: bool = False) -> DecodedImage:
        """As ``decode``, with what the file says of itself."""
        if self._limiter is None:  # here, because it belongs to a running event loop
            self._limiter = CapacityLimiter(self._processes)
        if self._limiter.statistics().tasks_waiting >= self._max_waiting:
            raise QueueFull(RETRY_AFTER)
        return await run_sync(lambda: self.read_now(data, max_side=max_side, srgb=srgb), limiter=self._limiter)

    async def square(self, data: bytes, size: int) -> bytes:
        """The bytes of an image file as the square of ``size`` pixels that a reranker makes of it, as plain PPM.

        As bytes, because by them the reranker knows a picture again; plain, because ours need no other process.
        """
        # Pictures more than eight times as large come at a whole fraction of their size, still four times as large:
        # what they hold in memory is then bounded, and the square the same but for rounding.
        image = await self.decode(data, max_side=4 * size)
        return await run_sync(_as_ppm, image, size)

    def read_now(self, data: bytes, *, max_side: int | None = None, srgb: bool = False) -> DecodedImage:
        """As ``read``, for threads: waits in the calling one."""
        try:
            return self._opened().decode(data, max_side=max_side, srgb=srgb)
        except ImageError as error:
            if self._failed is not None:
                self._failed(reason_of(error))
            raise

    def close(self) -> None:
        """End its processes; pictures that are being decoded raise ImageError. A second call does nothing."""
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _opened(self) -> DecoderPool:
        with self._lock:
            if self._closed:
                raise ImageError("cannot be decoded any more: the service is shutting down")
            if self._pool is None:
                self._pool = DecoderPool(self._processes, seconds=self._seconds, max_pixels=self._max_pixels)
            return self._pool


def _as_ppm(image: Image.Image, size: int) -> bytes:
    out = io.BytesIO()
    prepare_picture(image, "stretch", size).save(out, "PPM")
    return out.getvalue()


def reason_of(error: ImageError) -> str:
    """What is wrong in a word, for counting."""
    if "takes more than" in error.reason:
        return "slow"
    if "its decoder" in error.reason:
        return "crash"
    if isinstance(error, ImageTooLarge):
        return "large"
    if "is not an image" in error.reason or "is empty" in error.reason:
        return "no_image"
    return "damaged"
