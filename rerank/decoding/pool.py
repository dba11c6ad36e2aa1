"""DecoderPool: a few decoding processes, started when they are needed and replaced when they die."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from PIL import Image

from rerank.decoding.process import DecoderProcess
from rerank.decoding.worker import PATIENCE
from rerank.errors import InputError
from rerank.images import MAX_PIXELS, DecodedImage

SECONDS = 20.0
MOST_MEMORY = 3 * 2**30
LEAST_MEMORY = 2**30
GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class DecodedFile:
    """A file read once: hash, size in bytes and picture are of the same bytes.

    ``decoded`` is None where the caller did not want it.
    """

    sha256: bytes
    size: int
    mtime_ns: int
    decoded: DecodedImage | None


class DecoderPool:
    """Decodes untrusted image files in processes of its own. Thread-safe; a context manager.

    A file that takes too long, too much memory, or crashes its decoder raises ImageError, and a fresh process
    goes on. Each call takes a process for itself and waits for one where all are busy. None is started before
    it is needed: the first call takes a tenth of a second longer.

    Args:
        workers: processes at most; by default as many as there are processors, 8 at most.
        seconds: processor time for one file; six times as long by the clock.
        memory_bytes: address space of one process; by default half of the machine's memory, from 1 to 3 GiB.
        max_pixels: as of ``load_image``.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        seconds: float = SECONDS,
        memory_bytes: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.workers = workers if workers is not None else min(8, os.cpu_count() or 1)
        if self.workers < 1 or seconds <= 0:
            raise InputError("a decoder pool needs at least one worker, and more than 0 seconds for a file")
        self._seconds = seconds
        self._memory_bytes = memory_bytes or _memory_share()
        self._max_pixels = max_pixels
        self._turn = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the pool)
        self._idle: list[DecoderProcess] = []
        self._busy: set[DecoderProcess] = set()
        self._count = 0
        self._closed = False
        self._changed = threading.Condition()

    def decode(self, data: bytes, *, max_side: int | None = None, srgb: bool = False) -> DecodedImage:
        """The bytes of an image file, decoded as ``load_image`` does.

        Raises:
            ImageError: what is wrong with it.
        """
        with self._lent() as process:
            process.ask(self._request(max_side, srgb), data)
            return _image(*process.reply(self._longest_wait))

    def decode_file(
        self,
        path: str | os.PathLike[str],
        *,
        max_side: int | None = None,
        srgb: bool = False,
        wanted: Callable[[bytes], bool] = lambda _: True,
    ) -> DecodedFile:
        """A file, read, hashed and decoded.

        Args:
            wanted: asked with the SHA-256 of the file's bytes whether to decode them.

        Raises:
            ImageError: what is wrong with it.
            OSError: it cannot be read.
        """
        with self._lent() as process:
            process.ask({**self._request(max_side, srgb), "path": os.fspath(path)})
            found, _ = process.reply(PATIENCE * self._seconds + GRACE_SECONDS)
            sha256 = bytes.fromhex(found["sha256"])
            process.ask({"wanted": wanted(sha256)})
            answer = process.reply(self._longest_wait)
            decoded = _image(*answer) if answer[0]["image"] else None
            return DecodedFile(sha256, found["size"], found["mtime_ns"], decoded)

    def cancel(self) -> None:
        """Give up the files that are being decoded: their calls raise ImageError at once."""
        with self._changed:
            for process in self._busy:
                process.kill()

    def close(self) -> None:
        """End all processes at once; files that are being decoded raise ImageError. A second call does nothing."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        self.cancel()
        for process in idle:
            process.close()
        self._turn.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _longest_wait(self) -> float:
        """Seconds by the clock after which a process that says nothing is given up, its wait for a turn included."""
        return PATIENCE * self._seconds * (self.workers + 1) + GRACE_SECONDS

    def _request(self, max_side: int | None, srgb: bool) -> dict[str, Any]:
        return {"seconds": self._seconds, "max_side": max_side, "srgb": srgb, "max_pixels": self._max_pixels}

    @contextmanager
    def _lent(self) -> Iterator[DecoderProcess]:
        """A process for one file."""
        process = self._take()
        try:
            yield process
        finally:
            self._give_back(process)

    def _take(self) -> DecoderProcess:
        with self._changed:
            while not self._closed and not self._idle and self._count >= self.workers:
                self._changed.wait()
            if self._closed:
                raise RuntimeError("the decoder pool is closed")
            while self._idle:
                process = self._idle.pop()
                if process.ready:
                    self._busy.add(process)
                    return process
                self._count -= 1
                process.close()
            self._count += 1
        return self._start()

    def _start(self) -> DecoderProcess:
        try:
            process = DecoderProcess(self._turn.fileno(), self._seconds, self._memory_bytes)
        except BaseException:
            with self._changed:
                self._count -= 1
                self._changed.notify()
            raise
        with self._changed:
            self._busy.add(process)
            if self._closed:  # meanwhile
                process.kill()
        return process

    def _give_back(self, process: DecoderProcess) -> None:
        """Keep a process for the next file, unless it owes an answer or is gone."""
        with self._changed:
            self._busy.discard(process)
            kept = process.ready and not self._closed
            if kept:
                self._idle.append(process)
            else:
                self._count -= 1
            self._changed.notify()
        if not kept:
            process.close()


def _image(answer: dict[str, Any], pixels: bytes) -> DecodedImage:
    image = Image.frombytes("RGB", tuple(answer["size"]), pixels)
    return DecodedImage(image, answer["width"], answer["height"], answer["format"])


def _memory_share() -> int:
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        memory = 0
    return max(LEAST_MEMORY, min(MOST_MEMORY, memory // 2))
