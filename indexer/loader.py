"""Reading and decoding files in other processes, a bounded stretch ahead of the encoder."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata

from PIL import Image

from indexer.scan import FoundFile
from indexer.sidecar import NO_SIDECAR, Sidecar, SidecarError, read_sidecars
from rerank.decoding.files import CutShort, StillWritten
from rerank.decoding.pool import DecodedFile, DecoderPool
from rerank.errors import ImageError
from retrieval.catalog_writer import ImageContent

# Seconds that a file may hold up those behind it; then they go first.
PATIENCE = 1.0


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
    """A file that could not be loaded.

    ``gone``: what it held before is certainly there no more. ``lasting``: it will fail again while it stays as it is.
    """

    file: FoundFile
    reason: str
    gone: bool
    lasting: bool = False


class Loader:
    """Loads files, ``lookahead`` of them at a time at most.

    Args:
        decoders: read and decode the files.
        known: whether the collection has an image with this SHA-256; such files are not decoded. Called
            from several threads.
        side: pixels to which the shorter side of a picture may be shrunk.
    """

    def __init__(self, decoders: DecoderPool, known: Callable[[bytes], bool], *, side: int, lookahead: int) -> None:
        self._decoders = decoders
        self._known = known
        self._side = side
        self._lookahead = lookahead

    def run(self, files: Iterable[FoundFile]) -> Generator[Loaded | Unloadable, None, None]:
        """Every file of ``files``, in their order but for those that take long; a bad one stops no other."""
        source = iter(files)
        pending: list[Future[Loaded | Unloadable]] = []
        threads = ThreadPoolExecutor(max_workers=self._decoders.workers, thread_name_prefix="indexer-loader")
        try:
            while True:
                while len(pending) < self._lookahead and (file := next(source, None)) is not None:
                    pending.append(threads.submit(self.load, file))
                if not pending:
                    return
                yield pending.pop(_ready(pending)).result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            if pending:  # whoever stops in the middle need not wait for what takes long
                self._decoders.cancel()
            threads.shutdown(wait=True)

    def load(self, file: FoundFile) -> Loaded | Unloadable:
        """Read, hash and, where its bytes are new, decode one file."""
        try:
            read = self._decoders.decode_file(
                file.path, max_side=self._side, srgb=True, wanted=lambda sha256: not self._known(sha256)
            )
        except ImageError as error:
            complete = not isinstance(error, StillWritten)
            lasting = complete and not isinstance(error, CutShort)
            return Unloadable(file, error.reason, gone=complete, lasting=lasting)
        except FileNotFoundError:
            return Unloadable(file, "vanished while the folder was being indexed", gone=True)
        except OSError as error:
            return Unloadable(file, f"cannot be read ({error.strerror})", gone=False)
        loaded = _loaded(file, read)
        try:
            return replace(loaded, sidecar=read_sidecars(file.sidecars))
        except SidecarError as error:
            return replace(loaded, sidecar_error=error)


@cache
def reader() -> str:
    """What decodes files here, with versions: another one may read what this one could not."""

    def version(package: str) -> str:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return "none"

    return ", ".join(f"{package} {version(package)}" for package in ("veralens", "pillow", "pi-heif"))


def _loaded(file: FoundFile, read: DecodedFile) -> Loaded:
    file = replace(file, size=read.size, mtime_ns=read.mtime_ns)
    decoded = read.decoded
    if decoded is None:
        return Loaded(file, ImageContent(read.sha256, 0, 0, "", read.size), None)
    content = ImageContent(read.sha256, decoded.width, decoded.height, decoded.format, read.size)
    return Loaded(file, content, decoded.image)


def _ready(pending: list[Future[Loaded | Unloadable]]) -> int:
    """The place of the first one, or, when that takes long, of any that is done."""
    wait(pending[:1], timeout=PATIENCE)
    done, _ = wait(pending, return_when=FIRST_COMPLETED)
    return next(place for place, future in enumerate(pending) if future in done)
