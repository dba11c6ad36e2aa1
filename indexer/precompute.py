"""Image tokens for every image of a collection: what a reranker makes of an image alone, kept for all searches."""

from __future__ import annotations

import hashlib
import shutil
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Protocol

import numpy as np

from indexer.progress import Observe, Rate, Standing
from indexer.report import Failure
from rerank import EntailmentReranker, ImageTokens
from rerank.decoding.files import read_file
from rerank.errors import ImageError
from rerank.types import ImageSource
from retrieval.catalog import display_text
from retrieval.errors import CollectionError
from retrieval.files import readable_files, root_folders
from retrieval.presets import matching_reranker, reranker_of
from retrieval.segments import Halves
from retrieval.token_catalog import Tokenless
from retrieval.token_writer import TokenWriter
from retrieval.writer import CollectionWriter

# Stretches of images, of one model batch each, that are on their way at a time; and the bytes of files in one.
STRETCHES = 2
MOST_BYTES = 128 * 2**20


class TokenEncoder(Protocol):
    """What precomputing needs of an ``EntailmentReranker``."""

    @property
    def batch_size(self) -> int: ...

    @property
    def image_fingerprint(self) -> str: ...

    @property
    def token_shape(self) -> tuple[int, int]: ...

    def encode_images(self, images: Sequence[ImageSource]) -> list[ImageTokens | ImageError]: ...


@dataclass(frozen=True)
class TokenPlan:
    """What is about to be precomputed: for how many images, and how many bytes for each."""

    images: int
    bytes_per_image: int

    @property
    def bytes(self) -> int:
        """What it will take on disk."""
        return self.images * self.bytes_per_image

    def __str__(self) -> str:
        each = f"image tokens: {_size(self.bytes_per_image)} an image"
        return f"{each}, {self.images:,} images, {_size(self.bytes)}" if self.images else f"{each}, none to be made"


@dataclass(frozen=True)
class TokenReport:
    """How many images got tokens, and which did not."""

    precomputed: int
    bytes_per_image: int
    failed: tuple[Failure, ...]


@dataclass(frozen=True)
class _Picture:
    """An image to be encoded, where it may be, and how failures name it."""

    image: Tokenless
    files: tuple[Path, ...]
    display: str


Announce = Callable[[TokenPlan], None]


def load_token_encoder(reranker: str | bool, encoder: str) -> EntailmentReranker:
    """The reranker called ``reranker``; the one that matches ``encoder`` for True and "auto"."""
    name = matching_reranker(encoder) if reranker in (True, "auto") else reranker_of(str(reranker))
    # Kept tokens serve engines of every precision, so they are made in the best.
    return EntailmentReranker.from_pretrained(name, precision="fp32", cache_bytes=0)


class TokenRun:
    """Encodes the images of an open collection that have no tokens of ``encoder`` yet, batch by committed batch."""

    def __init__(self, writer: CollectionWriter, encoder: TokenEncoder, observe: Observe | None = None) -> None:
        self._writer = writer
        self._encoder = encoder
        self._observe = observe
        self._rate = Rate()
        self._told = 0
        self._tokens = TokenWriter(writer, encoder.image_fingerprint, encoder.token_shape)
        self._done = 0
        self._failed: list[Failure] = []

    def run(self, announce: Announce | None = None) -> TokenReport:
        """Do it all; ``announce`` hears the plan before anything is encoded.

        Raises:
            CollectionError: there is not room enough on the disk; nothing was encoded.
        """
        try:
            self._tokens.forget_damaged()
            plan = TokenPlan(self._tokens.missing(), self._tokens.bytes_per_image)
            if announce is not None:
                announce(plan)
            self._check_room(plan)
            self._tick(plan)
            with closing(self._encoded()) as stretches:
                for pictures, encoded in stretches:
                    self._commit(pictures, encoded)
                    self._tick(plan)
        finally:
            self._tokens.close()
        return TokenReport(self._done, plan.bytes_per_image, tuple(self._failed))

    def _check_room(self, plan: TokenPlan) -> None:
        free = shutil.disk_usage(self._writer.path).free
        if plan.bytes > free:
            raise CollectionError(
                f"{self._writer.path}: {plan}, but the disk has only {_size(free)} left; nothing was encoded. The "
                "images are indexed and can be searched: make room, or go without --precompute-rerank"
            )

    def _encoded(self) -> Generator[tuple[list[_Picture], list[ImageTokens | ImageError]], None, None]:
        """Stretches of images with their tokens: one is read and decoded while the one before is encoded."""
        ahead: deque[tuple[list[_Picture], Future[list[ImageTokens | ImageError]]]] = deque()
        pool = ThreadPoolExecutor(max_workers=STRETCHES, thread_name_prefix="indexer-tokens")
        try:
            for pictures in self._stretches():
                ahead.append((pictures, pool.submit(_encode_all, self._encoder, pictures)))
                if len(ahead) == STRETCHES:
                    pictures, encoding = ahead.popleft()
                    yield pictures, encoding.result()
            for pictures, encoding in ahead:
                yield pictures, encoding.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _stretches(self) -> Iterator[list[_Picture]]:
        after, limit, catalog = 0, self._encoder.batch_size, self._writer.catalog
        directory = self._writer.path
        roots = root_folders(catalog, directory)
        while images := self._tokens.next_missing(after, limit):
            held = accumulate(image.bytes for image in images)
            images = images[: max(1, sum(size <= MOST_BYTES for size in held))]
            paths = catalog.paths([image.id for image in images])
            yield [
                _Picture(
                    image, tuple(readable_files(paths[image.id], roots, directory)), display_text(paths[image.id][0])
                )
                for image in images
            ]
            after = images[-1].key

    def _commit(self, pictures: Sequence[_Picture], encoded: Sequence[ImageTokens | ImageError]) -> None:
        good: list[tuple[int, Halves]] = []
        for picture, tokens in zip(pictures, encoded, strict=True):
            if isinstance(tokens, ImageTokens) and not np.isfinite(tokens.values).all():
                tokens = ImageError("its image tokens are not finite")
            if isinstance(tokens, ImageTokens):
                good.append((picture.image.key, tokens.values))
            else:
                self._failed.append(Failure(picture.display, f"no image tokens: {tokens.reason}"))
        self._tokens.commit(good)
        self._done += len(good)

    def _tick(self, plan: TokenPlan) -> None:
        if self._observe is None or not plan.images:
            return
        done = self._done + len(self._failed)
        rate, left, new = self._rate.update(done), plan.images - done, tuple(self._failed[self._told :])
        self._told = len(self._failed)
        eta = left / rate if rate else None
        self._observe(Standing("image tokens", done, plan.images, True, self._told, rate, eta, new))


def _encode_all(encoder: TokenEncoder, pictures: Sequence[_Picture]) -> list[ImageTokens | ImageError]:
    contents = [_read(picture) for picture in pictures]
    encoded = iter(_encode(encoder, [one for one in contents if isinstance(one, bytes)]))
    return [one if isinstance(one, ImageError) else next(encoded) for one in contents]


def _read(picture: _Picture) -> bytes | ImageError:
    """The bytes that were indexed, from whichever file still holds them: never those of another picture."""
    error = ImageError("its file is gone or not readable")
    for path in picture.files:
        try:
            data = read_file(path).data
        except ImageError as unusable:
            error = unusable
        except OSError as unreadable:
            error = ImageError(f"cannot be read ({unreadable.strerror})")
        else:
            if hashlib.sha256(data).digest() == picture.image.sha256:
                return data
            error = ImageError("has changed since it was indexed; the next run takes it")
    return error


def _encode(encoder: TokenEncoder, images: Sequence[bytes]) -> list[ImageTokens | ImageError]:
    """Tokens, or why there are none. What fails as a whole is tried one by one, so that one image costs only itself."""
    try:
        return encoder.encode_images(images) if images else []
    except (RuntimeError, MemoryError) as error:
        if len(images) == 1:
            return [ImageError(f"cannot be encoded ({error})")]
        found = [_encode(encoder, [image])[0] for image in images]
        if all(isinstance(one, ImageError) for one in found):
            raise  # then it is the model, not an image
        return found


def _size(count: float) -> str:
    """Bytes for people, in the units that disks are sold in."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit in ("B", "KB") else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
