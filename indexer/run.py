"""One indexing run: loader threads decode ahead, this thread encodes, a third one commits."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from indexer.comparison import Comparison
from indexer.loader import Loaded, Loader, Unloadable
from indexer.progress import Ticker
from indexer.report import IndexReport
from indexer.scan import FoundFile, MountPoint, Skipped, is_beneath, mount_point, scan
from rerank.errors import InputError
from retrieval.catalog_writer import FoundPath
from retrieval.connections import ReaderPool
from retrieval.errors import CollectionError
from retrieval.types import Encoder, Vectors
from retrieval.writer import Addition, CollectionWriter

MOST_THREADS = 8


@dataclass
class _Batch:
    """Loaded files on their way into the collection, with what each will count as."""

    items: list[tuple[Loaded, FoundPath, str]] = field(default_factory=list)
    images: dict[bytes, Image.Image] = field(default_factory=dict)


@dataclass(frozen=True)
class _Committed:
    """What became of a batch: the paths that were refused, with reasons, and how many images were embedded."""

    batch: _Batch
    refused: dict[bytes, str]
    embedded: int


class IndexRun:
    """Brings an open collection up to date with ``folders`` (absolute, links resolved, none in another)."""

    def __init__(
        self, writer: CollectionWriter, encoder: Encoder, folders: Sequence[str], *, batch_size: int, ticker: Ticker
    ) -> None:
        self._writer = writer
        self._encoder = encoder
        self._folders = folders
        self._batch_size = batch_size
        self._ticker = ticker
        healed = writer.forget_damaged()
        self._mounts = {mount_point(folder) for folder in folders}
        self._roots = {folder: writer.put_root(os.fsencode(folder)) for folder in folders}
        self._readers = ReaderPool(writer.path)
        with self._readers.lend() as catalog:
            # A link may lead to any folder of the collection, also one that this run does not look through.
            self._reach = [*folders, *(os.fsdecode(root.path) for root in catalog.roots())]
        self._comparison = Comparison(self._readers, healed)
        self._embedded = 0
        self._committing: Future[_Committed] | None = None

    def run(self, start: float) -> IndexReport:
        """Do it all; ``start`` is when the run began, on the monotonic clock in seconds."""
        try:
            try:
                self._take_in()
            except KeyboardInterrupt:
                self._writer.publish()
                raise
            mounts = self._settled_mounts()
            gone = self._comparison.gone(self._folders)
            self._writer.settle(
                gone=[known.path for known in gone], failures=sorted(self._comparison.failures), mounts=mounts
            )
            self._comparison.dropped(gone)
            self._writer.publish()
        finally:
            self._readers.close()
        self._ticker.tick(self._comparison.done, last=True)
        return self._report(time.monotonic() - start)

    def _take_in(self) -> None:
        threads = min(MOST_THREADS, os.cpu_count() or 1)
        loader = Loader(
            self._has_content,
            side=self._encoder.image_size,
            threads=threads,
            lookahead=2 * self._batch_size + threads,
        )
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="indexer-commit") as committer:
            batch = _Batch()
            with closing(loader.run(self._files())) as items:
                for item in items:
                    if isinstance(item, Unloadable):
                        self._comparison.unloadable(item)
                    else:
                        self._gather(batch, item)
                    if len(batch.images) >= self._batch_size or len(batch.items) >= 8 * self._batch_size:
                        self._hand_over(batch, committer)
                        batch = _Batch()
                    self._ticker.tick(self._comparison.done)
            self._hand_over(batch, committer)
            self._await_commit()

    def _files(self) -> Iterator[FoundFile]:
        """Files that must be read."""
        for folder in self._folders:
            for item in scan(folder, roots=self._reach):
                if isinstance(item, Skipped):
                    self._comparison.skip(item)
                elif isinstance(item, MountPoint):
                    self._mounts.add(item.path)
                elif self._comparison.needs_reading(item):
                    yield item
                self._ticker.tick(self._comparison.done)

    def _gather(self, batch: _Batch, item: Loaded) -> None:
        state = item.file.sidecar_state
        if item.sidecar_error is not None:
            self._comparison.fail(os.fsencode(item.sidecar_error.path), item.sidecar_error.reason)
            state = ""  # to be read again next time
        root = next(self._roots[folder] for folder in self._folders if is_beneath(item.file.path, folder))
        path, caption, tags = os.fsencode(item.file.path), item.sidecar.caption, item.sidecar.tags
        found = FoundPath(path, root, item.file.size, item.file.mtime_ns, state, caption, tags)
        batch.items.append((item, found, self._comparison.verdict(item, state)))
        if item.image is not None:
            batch.images[item.content.sha256] = item.image

    def _hand_over(self, batch: _Batch, committer: ThreadPoolExecutor) -> None:
        """Encode a batch while the one before is being committed, then have it committed."""
        vectors = self._encode(list(batch.images.values()))
        by_content = dict(zip(batch.images, vectors, strict=True))
        self._await_commit()
        self._committing = committer.submit(self._commit, batch, by_content)

    def _await_commit(self) -> None:
        if self._committing is None:
            return
        running, self._committing = self._committing, None
        committed = running.result()
        for path, reason in committed.refused.items():
            self._comparison.fail(path, reason)
        for item, found, verdict in committed.batch.items:
            if found.path not in committed.refused:
                self._comparison.entered(item, verdict)
        self._embedded += committed.embedded

    def _commit(self, batch: _Batch, vectors: dict[bytes, Vectors | str]) -> _Committed:
        additions = []
        refused: dict[bytes, str] = {}
        for item, found, _ in batch.items:
            vector = vectors.get(item.content.sha256)
            if isinstance(vector, str):
                refused[found.path] = vector
            else:
                additions.append(Addition(item.content, found, vector))
        for lost in self._writer.commit(additions):
            refused[lost.found.path] = "is a copy of an image that could not be embedded"
        return _Committed(batch, refused, sum(not isinstance(vector, str) for vector in vectors.values()))

    def _encode(self, images: Sequence[Image.Image]) -> list[Vectors | str]:
        """An embedding for each image, or why there is none. A batch that fails is halved, down to one image."""
        if not images:
            return []
        try:
            vectors = self._encoder.encode_images(images)
        except (RuntimeError, MemoryError) as error:
            if len(images) == 1:
                return [f"cannot be embedded ({error})"]
            half = len(images) // 2
            found = self._encode(images[:half]) + self._encode(images[half:])
            if all(isinstance(one, str) for one in found):
                raise  # then it is the encoder, not an image
            return found
        if vectors.shape != (len(images), self._encoder.dimension):
            raise CollectionError(f"encoder {self._encoder.name!r} gave {vectors.shape} for {len(images)} images")
        usable = np.isfinite(vectors).all(axis=1) & (np.linalg.norm(vectors, axis=1) > 0)
        return [vectors[row] if usable[row] else "its embedding is not finite" for row in range(len(images))]

    def _has_content(self, sha256: bytes) -> bool:
        with self._readers.lend() as catalog:
            return catalog.has_content(sha256)

    def _settled_mounts(self) -> list[bytes]:
        """The mount points to remember. A folder that lost everything along with its disk is not empty."""
        lost = self._comparison.lost_mounts(self._folders)
        for mount, part in lost:
            if part in self._folders:
                self._writer.publish()
                raise InputError(
                    f"{part}: holds none of its images, and {mount} is no longer mounted; mount it and index again. "
                    "Nothing was removed"
                )
            self._comparison.fail(os.fsencode(part), "is no longer mounted; its images stay in the collection")
        with self._readers.lend() as catalog:
            old = {os.fsdecode(path) for path in catalog.mounts()}
        elsewhere = {
            mount
            for mount in old
            if not any(is_beneath(mount, folder) or is_beneath(folder, mount) for folder in self._folders)
        }
        return [os.fsencode(mount) for mount in sorted(self._mounts | elsewhere | {mount for mount, _ in lost})]

    def _report(self, seconds: float) -> IndexReport:
        counts = self._comparison.counts
        return IndexReport(
            added=counts["added"],
            updated=counts["updated"],
            moved=counts["moved"],
            removed=counts["removed"],
            unchanged=counts["unchanged"],
            failed=self._comparison.failed(),
            seconds=seconds,
            images_per_second=self._embedded / seconds if seconds > 0 else 0.0,
        )
