"""The part of an indexing run that sees to uploads: what was damaged is made anew, what is gone is dropped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from indexer.comparison import Comparison
from indexer.embedding import decoded_side, embed
from indexer.loader import Loaded, Loader, Unloadable
from indexer.scan import FoundFile, scan
from rerank.decoding.pool import DecoderPool
from retrieval.catalog import KnownPath
from retrieval.catalog_writer import FoundPath
from retrieval.types import Encoder
from retrieval.uploads import UPLOADS_DIRECTORY, UPLOADS_ROOT
from retrieval.writer import Addition, CollectionWriter

# Whether an image with this SHA-256 was removed by hand; asked from several threads.
Ignored = Callable[[bytes], bool]


class UploadedFiles:
    """The pictures that a collection keeps itself, held against what its catalogue knows.

    An upload that the catalogue does not know is one whose row or embedding was damaged and forgotten, or one that
    was not acknowledged before its process died: either way it is taken in.
    """

    def __init__(
        self, writer: CollectionWriter, encoder: Encoder, decoders: DecoderPool, ignored: Ignored, batch_size: int
    ) -> None:
        self._writer = writer
        self._encoder = encoder
        self._folder = Path(os.path.realpath(writer.path)) / UPLOADS_DIRECTORY
        self._batch_size = batch_size
        self._loader = Loader(decoders, ignored, side=decoded_side(encoder), lookahead=2 * batch_size)

    def take_in(self, comparison: Comparison, healed: Sequence[bytes]) -> None:
        """Enter the files that the catalogue does not know, and count them."""
        batch: list[Loaded] = []
        with closing(self._loader.run(list(self._unknown()))) as items:
            for item in items:
                if isinstance(item, Unloadable):
                    comparison.fail(self._path(item.file), item.reason)
                elif item.image is not None:  # else it was removed by hand
                    batch.append(item)
                if len(batch) >= self._batch_size:
                    self._commit(batch, comparison, healed)
                    batch = []
            self._commit(batch, comparison, healed)

    def gone(self) -> list[KnownPath]:
        """The uploads whose files are there no more."""
        known = list(self._writer.catalog.paths_beneath(UPLOADS_ROOT))
        return [one for one in known if not (self._folder.parent / os.fsdecode(one.path)).is_file()]

    def _unknown(self) -> Iterator[FoundFile]:
        if not self._folder.is_dir():
            return
        for item in scan(str(self._folder), roots=[str(self._folder)]):
            if isinstance(item, FoundFile) and self._writer.catalog.known_path(self._path(item)) is None:
                yield item

    def _path(self, file: FoundFile) -> bytes:
        return UPLOADS_ROOT + os.fsencode(file.path)[len(os.fsencode(self._folder)) :]

    def _commit(self, batch: Sequence[Loaded], comparison: Comparison, healed: Sequence[bytes]) -> None:
        if not batch:
            return
        root = self._writer.put_root(UPLOADS_ROOT)
        vectors = embed(self._encoder, [item.image for item in batch if item.image is not None])
        additions = []
        for item, vector in zip(batch, vectors, strict=True):
            path = self._path(item.file)
            if isinstance(vector, str):
                comparison.fail(path, vector)
                continue
            file, said = item.file, item.sidecar
            found = FoundPath(path, root, file.size, file.mtime_ns, "", said.caption, said.tags)
            additions.append(Addition(item.content, found, vector))
            comparison.counts["updated" if path in healed else "added"] += 1
        self._writer.commit(additions)
