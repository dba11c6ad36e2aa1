"""CollectionWriter: the one process that changes a collection."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from retrieval.atomic import disk_errors_named, sweep, sync_directory
from retrieval.catalog import CATALOG_FILE, display_text
from retrieval.catalog_writer import CatalogWriter, FoundPath, ImageContent
from retrieval.errors import CollectionDamaged, EncoderMismatch
from retrieval.lock import WriteLock, lock_directory
from retrieval.manifest import IndexFile, Manifest, read_manifest, write_manifest
from retrieval.publishing import INDEX_DIRECTORY, KEPT, build_index, drop_other_indexes, sound, write_index
from retrieval.segments import BLOCK_ROWS, Segments
from retrieval.types import EncoderRecord, Vectors


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
            lock = lock or lock_directory(directory)
            undo.callback(lock.release)
            sweep(directory)
            sweep(directory / INDEX_DIRECTORY)
            catalog = CatalogWriter(directory)
            undo.callback(catalog.close)
            found = catalog.collection()
            if found is None:
                found = (name or default_name(directory), encoder)
                with catalog.transaction():
                    catalog.set_collection(*found)
                sync_directory(directory)
                with suppress(PermissionError):  # a parent that we may not list is not ours to sync
                    sync_directory(directory.resolve().parent)
            _check_encoder(directory, found[1], encoder)
            writer = cls(directory, lock, catalog, *found)
            writer._drop_foreign_indexes()
            undo.pop_all()
            return writer

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
        failures: Iterable[tuple[bytes, str]] = (),
        mounts: Iterable[bytes] = (),
    ) -> int:
        """End a run: forget the files that are gone, then every image that no path leads to any more.

        Args:
            gone: paths to forget.
            failures: (path, reason) of what could not be taken in, in place of the last run's.
            mounts: the mount points that files are known to lie beneath, of all roots.

        Returns: how many images were removed.
        """
        with self.catalog.transaction():
            for path in gone:
                self.catalog.drop_path(path)
            self.catalog.set_mounts(mounts)
            self.catalog.set_failures(failures)
            return self.catalog.remove_orphans()

    def forget_damaged(self) -> list[bytes]:
        """Remove the images whose embeddings fail their checksum; the paths that led to them come back."""
        rows = self.catalog.rows()
        damaged = []
        while block := list(islice(rows, BLOCK_ROWS)):
            damaged += [row.key for row in self._segments.damaged(block)]
        if not damaged:
            return []
        with self.catalog.transaction():
            paths = self.catalog.paths_of(damaged)
            self.catalog.forget(damaged)
        return paths

    def publish(self) -> None:
        """Write an index of the present state, unless the newest one is of this state and sound."""
        manifest = self._manifest()
        generation = self.catalog.generation()
        indexes = manifest.indexes if manifest else ()
        with disk_errors_named(self.path):
            if not (indexes and indexes[0].generation == generation and self._usable(indexes[0])):
                index = build_index(self.catalog, self._segments)
                new = write_index(self.path, index, generation, self.encoder.dimension)
                indexes = (new, *(one for one in indexes if self._usable(one)))[:KEPT]
            wanted = Manifest(self.name, self.encoder, indexes)
            if manifest != wanted:
                write_manifest(self.path, wanted)
                drop_other_indexes(self.path, indexes)

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

    def _add_images(self, additions: Sequence[Addition]) -> tuple[dict[bytes, int], Collection[bytes]]:
        """Keys by SHA-256 of the images of a batch, after entering those that are new; and which were."""
        keys: dict[bytes, int] = {}
        new: dict[bytes, Addition] = {}
        for addition in additions:
            sha256 = addition.content.sha256
            key = self.catalog.key_of(sha256)
            if key is not None:
                keys[sha256] = key
            elif addition.vector is not None:
                new.setdefault(sha256, addition)
        if not new:
            return keys, ()
        segment, row = self.catalog.open_segment()
        vectors = np.stack([one.vector for one in new.values() if one.vector is not None])
        # The vectors are durable before the row count says that they are there.
        checksums = self._segments.append(segment, row, vectors)
        for position, (sha256, one) in enumerate(new.items()):
            keys[sha256] = self.catalog.add_image(one.content, segment, row + position, checksums[position])
        self.catalog.set_segment_rows(segment, row + len(new))
        return keys, new.keys()

    def _manifest(self) -> Manifest | None:
        try:
            return read_manifest(self.path)
        except CollectionDamaged:
            return None

    def _drop_foreign_indexes(self) -> None:
        """Indexes from later than the catalogue: it was put back from a copy, and its future will be another one."""
        manifest = self._manifest()
        if manifest is not None:
            kept = tuple(one for one in manifest.indexes if one.generation <= self.catalog.generation())
            if kept != manifest.indexes:
                write_manifest(self.path, replace(manifest, indexes=kept))

    def _usable(self, record: IndexFile) -> bool:
        return record.dimension == self.encoder.dimension and sound(self.path, record)


def remembered_encoder(directory: Path) -> EncoderRecord | None:
    """The encoder that the collection in ``directory`` remembers; None when there is no collection yet.

    For the holder of the collection's lock.
    """
    if not (directory / CATALOG_FILE).is_file():
        return None
    catalog = CatalogWriter(directory)
    try:
        found = catalog.collection()
    finally:
        catalog.close()
    return found[1] if found else None


def default_name(directory: Path) -> str:
    """What a collection in ``directory`` is called: ``photos`` for ``photos.collection``."""
    name = directory.resolve().name.removesuffix(".collection")
    return display_text(os.fsencode(name)) or "collection"


def _check_encoder(directory: Path, old: EncoderRecord, new: EncoderRecord) -> None:
    if (old.fingerprint, old.dimension) != (new.fingerprint, new.dimension):
        raise EncoderMismatch(
            f"{directory}: its embeddings come from the encoder {old.name!r} ({old.fingerprint[:8]}), not from "
            f"{new.name!r} ({new.fingerprint[:8]}); name the encoder it was built with, or index into a new collection"
        )
