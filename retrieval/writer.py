"""CollectionWriter: the one process that changes a collection."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from retrieval.atomic import disk_errors_named, sync_directory
from retrieval.calibration import Texts
from retrieval.catalog import CATALOG_FILE
from retrieval.catalog_writer import CatalogWriter, FoundPath, ImageContent
from retrieval.healing import forget_damaged
from retrieval.index import RULE, IndexRule
from retrieval.lock import WriteLock
from retrieval.opening import check_encoder, default_name, not_found, open_catalog
from retrieval.publisher import Publisher
from retrieval.segments import Segments
from retrieval.types import EncoderRecord, FailedFile, Vectors


@dataclass(frozen=True, slots=True)
class Addition:
    """A file to enter: its bytes' image, where it lies, and its embedding (dimension,).

    ``vector`` is None where the collection has the image already.
    """

    content: ImageContent
    found: FoundPath
    vector: Vectors | None = None


class CollectionWriter:
    """A collection open for writing. Holds its lock; use it from one thread at a time; a context manager.

    An image is in the collection when the ``commit`` that brings it has returned, whatever happens then.
    """

    def __init__(self, path: Path, lock: WriteLock, catalog: CatalogWriter, name: str, encoder: EncoderRecord) -> None:
        self.path = path
        self.catalog = catalog
        self.name = name
        self.encoder = encoder
        self._lock = lock
        self._segments = Segments(path, encoder.dimension)
        self.publisher = Publisher(path, catalog)

    @classmethod
    def create_or_open(
        cls,
        path: str | os.PathLike[str],
        encoder: EncoderRecord,
        name: str | None = None,
        *,
        lock: WriteLock | None = None,
    ) -> CollectionWriter:
        """Open the collection in ``path`` for writing, making it if there is none.

        Args:
            encoder: what the embeddings come from; must be the one that the collection remembers.
            name: what a new collection is called; by default its directory's name.
            lock: the collection's lock if the caller holds it already; it's released with the writer.

        Raises:
            CollectionLocked: another process is writing; the message names it.
            EncoderMismatch: the collection's embeddings come from another encoder.
            CollectionError: the directory holds something else.
        """
        directory = Path(path)
        with ExitStack() as undo, disk_errors_named(directory):
            lock, catalog = open_catalog(directory, lock, undo)
            found = catalog.collection()
            if found is None:
                found = (name or default_name(directory), encoder)
                with catalog.transaction():
                    catalog.set_collection(*found)
                sync_directory(directory)
                with suppress(PermissionError):  # a parent that we may not list is not ours to sync
                    sync_directory(directory.resolve().parent)
            check_encoder(directory, found[1], encoder)
            return cls._opened(directory, lock, catalog, found, undo)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, lock: WriteLock | None = None) -> CollectionWriter:
        """Open the collection in ``path`` for changes that need no encoder.

        Raises:
            CollectionNotFound: there is none.
            CollectionLocked: another process is writing; the message names it.
        """
        directory = Path(path)
        if not (directory / CATALOG_FILE).is_file():
            raise not_found(directory)
        with ExitStack() as undo, disk_errors_named(directory):
            lock, catalog = open_catalog(directory, lock, undo)
            found = catalog.collection()
            if found is None:
                raise not_found(directory)
            return cls._opened(directory, lock, catalog, found, undo)

    def commit(self, additions: Sequence[Addition]) -> list[Addition]:
        """Enter files, with the images and embeddings that are new; durable when it returns.

        Those that could not be entered come back: they had no embedding, and the collection has none either.

        Raises:
            CollectionError: the disk is full or failing; nothing of the batch was entered.
        """
        with disk_errors_named(self.path), self.catalog.transaction():
            keys, new = self._add_images(additions)
            for addition in additions:
                sha256 = addition.content.sha256
                if sha256 in keys:
                    self.catalog.put_path(addition.found, keys[sha256], new=sha256 in new)
        return [addition for addition in additions if addition.content.sha256 not in keys]

    def put_root(self, path: bytes) -> int:
        """Enter a folder that is indexed; its id, or that of the root it lies in, comes back."""
        with self.catalog.transaction():
            return self.catalog.put_root(path)

    def settle(
        self,
        *,
        gone: Iterable[bytes] = (),
        failures: Iterable[FailedFile] = (),
        folders: Iterable[bytes] = (),
        mounts: Iterable[bytes] = (),
    ) -> int:
        """End a run: forget the files that are gone, then every image that no path leads to any more.

        Args:
            gone: paths to forget.
            failures: what could not be taken in, in place of what was noted beneath ``folders``.
            mounts: the mount points that files are known to lie beneath, of all roots.

        Returns: how many images were removed.
        """
        with self.catalog.transaction():
            for path in gone:
                self.catalog.drop_path(path)
            self.catalog.set_mounts(mounts)
            self.catalog.set_failures(failures, folders)
            return self.catalog.remove_orphans()

    def note_failures(self, failures: Iterable[FailedFile]) -> None:
        """Add to what could not be taken in, in the midst of a run."""
        with self.catalog.transaction():
            self.catalog.set_failures(failures)

    def forget_damaged(self) -> list[bytes]:
        """Remove the images whose embeddings fail their checksum; the paths that led to them come back."""
        return forget_damaged(self.path, self.catalog, self._segments)

    def adopt(self, encoder: EncoderRecord) -> None:
        """Go on with another encoder, once the catalogue has its embeddings."""
        self._segments.close()
        self.encoder, self._segments = encoder, Segments(self.path, encoder.dimension)

    def publish(self, texts: Texts | None = None, *, rule: IndexRule = RULE) -> None:
        """Write an index of the present state, unless the newest one still serves and is sound.

        ``texts`` gives text queries to calibrate it with: see ``build_index``.
        """
        self.publisher.publish(self.name, self.encoder, self._segments, texts, rule)

    def publish_if_due(self, texts: Texts | None = None) -> None:
        """Publish in the midst of a long run, so that readers need not compare one by one all that it has added.

        Each time a fifth of the images is new or gone: all the indexes of a run together take six times as long to
        build as its last one.
        """
        if self.publisher.due():
            self.publish(texts)

    def close(self) -> None:
        """Close the files and free the lock; a second call does nothing."""
        self._segments.close()
        self.catalog.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @classmethod
    def _opened(
        cls, path: Path, lock: WriteLock, catalog: CatalogWriter, found: tuple[str, EncoderRecord], undo: ExitStack
    ) -> CollectionWriter:
        writer = cls(path, lock, catalog, *found)
        writer.publisher.drop_foreign()
        undo.pop_all()
        return writer

    def _add_images(self, additions: Sequence[Addition]) -> tuple[dict[bytes, int], Collection[bytes]]:
        """Keys by SHA-256 of the images of a batch, after entering those that are new; and which were."""
        keys: dict[bytes, int] = {}
        new: dict[bytes, Addition] = {}
        for addition in additions:
            sha256 = addition.content.sha256
            key = self.catalog.key_of(sha256)
            if key is not None:
                keys[sha256] = key
            elif addition.vector is not None and not self.catalog.is_ignored(sha256):
                new.setdefault(sha256, addition)
        if not new:
            return keys, ()
        segment, row = self.catalog.open_segment(self.encoder.fingerprint) or (
            self.catalog.add_segment(self.encoder),
            0,
        )
        vectors = unit_rows(np.stack([one.vector for one in new.values() if one.vector is not None]))
        # The vectors are durable before the row count says that they are there.
        checksums = self._segments.append(segment, row, vectors)
        for position, (sha256, one) in enumerate(new.items()):
            keys[sha256] = self.catalog.add_image(one.content, segment, row + position, checksums[position])
        self.catalog.set_segment_rows(segment, row + len(new))
        return keys, new.keys()


def unit_rows(vectors: Vectors) -> Vectors:
    """Embeddings (n, dimension), each scaled to length 1, as segments hold them."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit
