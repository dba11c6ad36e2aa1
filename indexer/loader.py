"""Reading and decoding files on threads, a bounded stretch ahead of the encoder."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from PIL import Image

from indexer.scan import FoundFile
from indexer.sidecar import NO_SIDECAR, Sidecar, SidecarError, read_sidecars
from rerank.errors import ImageError
from rerank.images import FORMATS, load_image
from retrieval.catalog_writer import ImageContent

MAX_BYTES = 256 * 1024 * 1024
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Decoded:
    """An image ready for the encoder, and what its file says: upright width and height in pixels, format."""

    image: Image.Image
    width: int
    height: int
    format: str


@dataclass(frozen=True)
class Loaded:
    """A file read once: its hash and its picture are of the same bytes.

    ``image`` and ``content.width`` … are there only when the collection has not these bytes yet.
    """

    file: FoundFile
    content: ImageContent
    image: Image.Image | None
    sidecar: Sidecar = NO_SIDECAR
    sidecar_error: SidecarError | None = None


@dataclass(frozen=True)
class Unloadable:
    """A file that could not be loaded. ``gone``: what it held before is certainly there no more."""

    file: FoundFile
    reason: str
    gone: bool


class _StillWritten(ImageError):
    """A file that changed while it was read."""


Decode = Callable[[bytes, int], Decoded]


def decode(data: bytes, side: int) -> Decoded:
    """Decode an image file to upright RGB, shrunk to what an encoder of ``side`` pixels can use.

    Raises:
        ImageError: what is wrong with it.
    """
    # Twice the encoder's side: shrinking is then invisible to it, and the look-ahead stays small in memory.
    image = load_image(data, max_side=2 * side)
    width, height, kind = _header(data, image)
    factor = min(image.size) // (2 * side)
    if factor > 1:
        image = image.reduce(factor)
    return Decoded(image, width, height, kind)


class Loader:
    """Loads files in order, ``lookahead`` of them at a time at most.

    Args:
        known: whether the collection has an image with this SHA-256; such files are not decoded. Called
            from several threads.
        side: the encoder's image side in pixels.
        decode: how bytes become an image; a decoder in a process that can be killed fits here.
    """

    def __init__(
        self, known: Callable[[bytes], bool], *, side: int, threads: int, lookahead: int, decode: Decode = decode
    ) -> None:
        self._known = known
        self._side = side
        self._threads = threads
        self._lookahead = lookahead
        self._decode = decode

    def run(self, files: Iterable[FoundFile]) -> Generator[Loaded | Unloadable, None, None]:
        """Every file of ``files``, in their order; a bad one neither stops nor shifts the others."""
        source = iter(files)
        pending: deque[Future[Loaded | Unloadable]] = deque()
        pool = ThreadPoolExecutor(max_workers=self._threads, thread_name_prefix="indexer-loader")
        try:
            while True:
                while len(pending) < self._lookahead and (file := next(source, None)) is not None:
                    pending.append(pool.submit(self.load, file))
                if not pending:
                    return
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def load(self, file: FoundFile) -> Loaded | Unloadable:
        """Read, hash and, where its bytes are new, decode one file."""
        try:
            data, file = read_file(file)
        except ImageError as error:
            return Unloadable(file, error.reason, gone=not isinstance(error, _StillWritten))
        except FileNotFoundError:
            return Unloadable(file, "vanished while the folder was being indexed", gone=True)
        except OSError as error:
            return Unloadable(file, f"cannot be read ({error.strerror})", gone=False)
        try:
            loaded = self._examine(file, data)
        except ImageError as error:
            return Unloadable(file, error.reason, gone=True)
        except Exception as error:  # a decoder's surprise must cost one file, not the run
            return Unloadable(file, f"cannot be decoded ({type(error).__name__}: {error})", gone=True)
        try:
            return replace(loaded, sidecar=read_sidecars(file.sidecars))
        except SidecarError as error:
            return replace(loaded, sidecar_error=error)

    def _examine(self, file: FoundFile, data: bytes) -> Loaded:
        sha256 = hashlib.sha256(data).digest()
        if self._known(sha256):
            return Loaded(file, ImageContent(sha256, 0, 0, "", len(data)), None)
        decoded = self._decode(data, self._side)
        content = ImageContent(sha256, decoded.width, decoded.height, decoded.format, len(data))
        return Loaded(file, content, decoded.image)


def read_file(file: FoundFile) -> tuple[bytes, FoundFile]:
    """The bytes of a file, with the size and time that they had.

    Raises:
        ImageError, OSError: it is no file, too large, or changed while it was read.
    """
    # Without O_NONBLOCK a named pipe put in the file's place would hang us.
    descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise ImageError("is no longer a regular file")
        if before.st_size > MAX_BYTES:
            raise ImageError(f"has {before.st_size:,} bytes, more than {MAX_BYTES:,}")
        data = stream.read(MAX_BYTES + 1)
        after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != after.st_size:
        raise _StillWritten("was being written while it was read; the next run takes it")
    return data, replace(file, size=after.st_size, mtime_ns=after.st_mtime_ns)


def _header(data: bytes, image: Image.Image) -> tuple[int, int, str]:
    """Upright width, height, and format; a JPEG decoded at a fraction of its size no longer knows its own."""
    with Image.open(io.BytesIO(data), formats=sorted(FORMATS & Image.OPEN.keys())) as header:
        kind = header.format or ""
        if kind not in ("JPEG", "MPO"):
            return image.width, image.height, kind
        sideways = header.getexif().get(_ORIENTATION) in _SIDEWAYS
        width, height = header.size
        return (height, width, "JPEG") if sideways else (width, height, "JPEG")
