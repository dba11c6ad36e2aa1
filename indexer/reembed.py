"""reembed_collection: another encoder for a collection, while the one that it has goes on serving."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from indexer.embedding import decoded_side, embed
from indexer.loader import Loader, Unloadable
from indexer.report import Failure
from indexer.scan import FoundFile
from rerank.decoding.pool import DecoderPool
from retrieval.calibration import text_queries
from retrieval.catalog import display_text
from retrieval.encoder import load_encoder
from retrieval.files import readable_files, root_folders
from retrieval.lock import lock_directory
from retrieval.opening import not_found, remembered_encoder
from retrieval.reembedding import NextEmbeddings, Progress, Unembedded
from retrieval.types import Encoder, EncoderRecord
from retrieval.writer import CollectionWriter

# Images looked up at a time.
STRETCH = 1_000
# Of an image with several files, how many are tried.
MOST_FILES = 3


@dataclass(frozen=True)
class ReembedReport:
    """What a run did: ``switched`` once the new encoder serves; ``failed`` images are what keeps it from that."""

    encoder: str
    embedded: int
    failed: tuple[Failure, ...]
    dropped: int
    switched: bool
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The report as it goes into JSON."""
        return {
            "encoder": self.encoder,
            "embedded": self.embedded,
            "failed": [{"path": failure.path, "reason": failure.reason} for failure in self.failed],
            "dropped": self.dropped,
            "switched": self.switched,
            "seconds": round(self.seconds, 3),
        }


def reembed_collection(
    collection: str | os.PathLike[str],
    *,
    models: str | None = None,
    encoder: Encoder | None = None,
    batch_size: int = 32,
    drop_unreadable: bool = False,
    decoders: DecoderPool | None = None,
    progress: Progress | None = None,
) -> ReembedReport:
    """Embed every image of a collection with another encoder, then let that one serve, in one step.

    Stop it at any time: the old encoder goes on serving, what was embedded is kept, and the next run with the same
    encoder goes on from there. An image whose files are gone or changed keeps the new encoder from taking over.

    Args:
        models: preset or encoder name.
        encoder: a loaded encoder, instead of ``models``.
        drop_unreadable: take over all the same, and remove the images that cannot be embedded.
        progress: called with (images embedded, images).

    Raises:
        CollectionError: there is no collection, or it is locked.
        ModelError: the encoder cannot be had.
    """
    start, directory = time.monotonic(), Path(collection)
    if not directory.is_dir():
        raise not_found(directory)
    with ExitStack() as stack:
        # The lock comes first: who must wait should not load a model to learn it.
        lock = lock_directory(directory)
        stack.callback(lock.release)
        if remembered_encoder(directory) is None:
            raise not_found(directory)
        encoder = encoder or load_encoder(models or "bundled")
        writer = stack.enter_context(CollectionWriter.open(directory, lock=lock))
        record = EncoderRecord(encoder.name, encoder.dimension, encoder.fingerprint)
        following = stack.enter_context(closing(NextEmbeddings(writer, record)))
        if encoder.fingerprint == writer.encoder.fingerprint:
            following.abandon()
            return ReembedReport(encoder.name, 0, (), 0, False, time.monotonic() - start)
        pool = stack.enter_context(DecoderPool() if decoders is None else nullcontext(decoders))
        run = _Run(writer, following, encoder, pool, batch_size, progress)
        run.run()
        failed = tuple(run.failed.values())
        switched = drop_unreadable or not failed
        texts = text_queries(encoder)
        dropped = following.switch(drop_missing=drop_unreadable, texts=texts) if switched else 0
    return ReembedReport(encoder.name, run.embedded, failed, dropped, switched, time.monotonic() - start)


class _Run:
    """Embeds the images that have no new embedding yet, batch by committed batch."""

    def __init__(
        self,
        writer: CollectionWriter,
        following: NextEmbeddings,
        encoder: Encoder,
        decoders: DecoderPool,
        batch_size: int,
        progress: Progress | None,
    ) -> None:
        self._catalog = writer.catalog
        self._directory = writer.path
        self._roots = root_folders(writer.catalog, writer.path)
        self._following = following
        self._encoder = encoder
        self._batch_size = batch_size
        self._progress = progress
        self._loader = Loader(
            decoders, self._unwanted, side=decoded_side(encoder), lookahead=2 * batch_size + decoders.workers
        )
        # The images that are on their way, by the file that is read, and the hashes that they must have.
        self._asked: dict[str, Unembedded] = {}
        self._hashes: set[bytes] = set()
        self._batch: list[tuple[Unembedded, Image.Image]] = []
        self.embedded = 0
        self.failed: dict[int, Failure] = {}

    def run(self) -> None:
        """Embed what can be embedded; what cannot is in ``failed`` afterwards, by key."""
        self._following.forget_damaged()
        total = self._following.missing()
        for attempt in range(MOST_FILES):
            with closing(self._loader.run(self._files(attempt))) as items:
                for item in items:
                    image = self._asked.pop(item.file.path)
                    if isinstance(item, Unloadable):
                        self._fail(image, item.file.path, item.reason)
                    elif item.image is None or item.content.sha256 != image.sha256:
                        self._fail(image, item.file.path, "has changed since it was indexed; index its folder first")
                    else:
                        self._batch.append((image, item.image))
                    if len(self._batch) >= self._batch_size:
                        self._commit(total)
            self._commit(total)
            if not self._following.missing():
                return

    def _files(self, attempt: int) -> Iterator[FoundFile]:
        """A file for each image that is missing: of those that hold it, the one with number ``attempt``."""
        after = 0
        while images := self._following.next_missing(after, STRETCH):
            paths = self._catalog.paths([image.id for image in images])
            for image in images:
                files = list(readable_files(paths[image.id], self._roots, self._directory))
                if attempt < len(files):
                    path = os.fspath(files[attempt])
                    self._hashes.add(image.sha256)
                    self._asked[path] = image
                    yield FoundFile(path, 0, 0)
                elif not files:
                    self._fail(image, os.fsdecode(paths[image.id][0]), "its file is gone or not readable")
            after = images[-1].key

    def _unwanted(self, sha256: bytes) -> bool:
        return sha256 not in self._hashes

    def _commit(self, total: int) -> None:
        batch, self._batch = self._batch, []
        found = embed(self._encoder, [picture for _, picture in batch])
        good = []
        for (image, _), vector in zip(batch, found, strict=True):
            if isinstance(vector, str):
                self._fail(image, image.id, vector)
            else:
                good.append((image.key, vector))
                self.failed.pop(image.key, None)
            self._hashes.discard(image.sha256)
        self._following.commit(good)
        self.embedded += len(good)
        if self._progress is not None and total:
            self._progress(self.embedded, total)

    def _fail(self, image: Unembedded, path: str, reason: str) -> None:
        self._hashes.discard(image.sha256)
        self.failed[image.key] = Failure(display_text(os.fsencode(path)), reason)
