"""One indexing run: processes decode ahead, threads encode and commit, this thread keeps the books."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from indexer.comparison import Comparison
from indexer.embedding import decoded_side
from indexer.loader import Loaded, Loader, Unloadable
from indexer.progress import Observe, Ticker
from indexer.report import IndexReport
from indexer.scan import FoundFile, MountPoint, Skipped, is_beneath, mount_point, scan
from indexer.selection import EVERYTHING, Selection
from indexer.stages import Batch, Committed, Stages
from indexer.uploaded import UploadedFiles
from rerank.decoding.pool import DecoderPool
from rerank.errors import InputError
from retrieval.calibration import text_queries
from retrieval.catalog_writer import FoundPath
from retrieval.connections import ReaderPool
from retrieval.types import Encoder
from retrieval.uploads import UPLOADS_ROOT
from retrieval.writer import CollectionWriter


@dataclass(frozen=True)
class RunOptions:
    """How a run goes about it.

    ``heal`` checks every embedding first; ``retry_failed`` reads also the files that could not be read before and
    have not changed.
    """

    batch_size: int = 32
    selection: Selection = EVERYTHING
    heal: bool = True
    retry_failed: bool = False

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise InputError(f"batch_size must be at least 1, not {self.batch_size}")


class IndexRun:
    """Brings an open collection up to date with ``folders`` (absolute, links resolved, none in another)."""

    def __init__(
        self,
        writer: CollectionWriter,
        encoder: Encoder,
        folders: Sequence[str],
        *,
        decoders: DecoderPool,
        options: RunOptions,
        observe: Observe | None = None,
    ) -> None:
        self._writer = writer
        self._encoder = encoder
        self._folders = folders
        self._decoders = decoders
        self._options = options
        healed = writer.forget_damaged() if options.heal else []
        self._mounts = {mount_point(folder) for folder in folders}
        self._roots = {folder: writer.put_root(os.fsencode(folder)) for folder in folders}
        self._readers = ReaderPool(writer.path)
        with self._readers.lend() as catalog:
            # A link may lead to any folder of the collection, also one that this run does not look through.
            self._reach = [*folders, *(os.fsdecode(root.path) for root in catalog.roots())]
        self._healed = healed
        self._comparison = Comparison(self._readers, healed)
        self._ticker = Ticker(observe, "indexing", self._work)
        self._embedded = 0
        self._read = 0

    def run(self, start: float) -> IndexReport:
        """Do it all; ``start`` is when the run began, on the monotonic clock in seconds."""
        try:
            try:
                with self._ticker:
                    self._take_in()
            except KeyboardInterrupt:
                self._writer.note_failures(self._comparison.failures)
                self._publish()
                raise
            mounts = self._settled_mounts()
            uploads = self._see_to_uploads()
            gone = [*self._comparison.gone(self._folders), *uploads.gone()]
            self._writer.settle(
                gone=[known.path for known in gone],
                failures=self._comparison.failures,
                folders=[*map(os.fsencode, self._folders), UPLOADS_ROOT],
                mounts=mounts,
            )
            self._comparison.dropped(gone)
            self._publish()
        finally:
            self._readers.close()
        self._tick(last=True)
        return self._report(time.monotonic() - start)

    def _take_in(self) -> None:
        size = self._options.batch_size
        loader = Loader(
            self._decoders,
            self._has_content,
            side=decoded_side(self._encoder),
            lookahead=2 * size + self._decoders.workers,
        )
        with Stages(self._writer, self._encoder, self._entered) as stages, closing(loader.run(self._files())) as items:
            batch = Batch()
            for item in items:
                if isinstance(item, Unloadable):
                    self._unloadable(item)
                else:
                    self._gather(batch, item)
                if len(batch.images) >= size or len(batch.items) >= 8 * size:
                    stages.put(batch)
                    batch = Batch()
                self._tick()
            stages.put(batch)
            stages.flush()

    def _see_to_uploads(self) -> UploadedFiles:
        size = self._options.batch_size
        uploads = UploadedFiles(self._writer, self._encoder, self._decoders, self._is_ignored, size)
        uploads.take_in(self._comparison, self._healed)
        return uploads

    def _work(self) -> Iterator[bool]:
        """For every file that there is, whether it must be read."""
        for folder in self._folders:
            for item in scan(folder, roots=self._reach, selection=self._options.selection):
                if isinstance(item, FoundFile):
                    yield self._comparison.may_have_changed(item)

    def _files(self) -> Iterator[FoundFile]:
        """Files that must be read."""
        for folder in self._folders:
            for item in scan(folder, roots=self._reach, selection=self._options.selection):
                if isinstance(item, Skipped):
                    self._comparison.skip(item)
                elif isinstance(item, MountPoint):
                    self._mounts.add(item.path)
                elif self._comparison.needs_reading(item):
                    before = None if self._options.retry_failed else self._comparison.failed_before(item)
                    if before is None:
                        yield item
                    else:
                        self._comparison.not_retried += 1
                        self._unloadable(before)
                self._tick()

    def _unloadable(self, item: Unloadable) -> None:
        self._comparison.unloadable(item)
        self._read += 1

    def _gather(self, batch: Batch, item: Loaded) -> None:
        if self._is_ignored(item.content.sha256):
            self._comparison.ignore(item.file.path)
            self._read += 1
            return
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

    def _entered(self, committed: Committed) -> None:
        for path, reason in committed.refused.items():
            self._comparison.fail(path, reason)
        for item, found, verdict in committed.batch.items:
            if found.path not in committed.refused:
                self._comparison.entered(item, verdict)
        self._embedded += committed.embedded
        self._read += len(committed.batch.items)

    def _publish(self) -> None:
        self._writer.publish(text_queries(self._encoder))

    def _tick(self, *, last: bool = False) -> None:
        self._ticker.tick(self._comparison.done, self._read, self._comparison.failures, last=last)

    def _has_content(self, sha256: bytes) -> bool:
        with self._readers.lend() as catalog:
            return catalog.has_content(sha256) or catalog.is_ignored(sha256)

    def _is_ignored(self, sha256: bytes) -> bool:
        with self._readers.lend() as catalog:
            return catalog.is_ignored(sha256)

    def _settled_mounts(self) -> list[bytes]:
        """The mount points to remember. A folder that lost everything along with its disk is not empty."""
        lost = self._comparison.lost_mounts(self._folders)
        for mount, part in lost:
            if part in self._folders:
                self._publish()
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
            ignored=self._comparison.ignored,
            not_retried=self._comparison.not_retried,
        )
