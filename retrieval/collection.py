"""Collection: the reading side of a collection on disk, for any number of threads and processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from rerank.errors import InputError
from retrieval.catalog import CATALOG_FILE, Catalog
from retrieval.connections import ReaderPool
from retrieval.errors import CollectionDamaged, CollectionNotFound, ImageNotFound
from retrieval.files import readable_files, root_folders
from retrieval.index import PLANS, plan_index
from retrieval.manifest import Manifest, read_manifest
from retrieval.publishing import build_index, bytes_on_disk, read_index
from retrieval.segments import Halves, Segments
from retrieval.snapshot import Snapshot
from retrieval.token_catalog import token_places, token_sets
from retrieval.tokens import TokenFiles
from retrieval.types import CollectionInfo, EncoderRecord, ImageRecord, Neighbour, TokenSet, Vectors


class Collection:
    """An open collection. Thread-safe; a context manager.

    It shows one state until ``refresh``; what a writer has removed meanwhile is left out at once.
    """

    def __init__(self, path: Path, readers: ReaderPool, name: str, encoder: EncoderRecord) -> None:
        self.path = path
        self.name = name
        self.encoder = encoder
        self._readers = readers
        self._segments = Segments(path, encoder.dimension)
        self._tokens = TokenFiles(path)
        self._refreshing = threading.Lock()
        self._manifest: Manifest | None = None
        self._snapshot, self._info = self._load()

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Collection:
        """Open the collection in the directory ``path`` for reading.

        A missing or damaged index is no obstacle: it is built in memory, and the next indexing writes it.

        Raises:
            CollectionNotFound: there is none.
            CollectionDamaged: the catalogue or the embeddings fail their checks.
        """
        directory = Path(path)
        if not (directory / CATALOG_FILE).is_file():
            raise CollectionNotFound(
                f"{directory}: no collection here; make one with `veralens index FOLDER -c {directory}`"
            )
        readers = ReaderPool(directory)
        try:
            with readers.lend() as catalog:
                found = catalog.collection()
            if found is None:
                raise CollectionNotFound(f"{directory}: this collection was never begun; index a folder into it")
            return cls(directory, readers, *found)
        except BaseException:
            readers.close()
            raise

    def info(self) -> CollectionInfo:
        """What is in the collection, as of the last ``refresh``."""
        return self._info

    def search(self, vector: Vectors, k: int) -> list[Neighbour]:
        """The ``k`` images nearest to ``vector`` (dimension,), most similar first.

        Raises:
            InputError: the vector has another dimension or is not finite, or ``k`` is below 1.
        """
        query = _unit_query(vector, self.encoder.dimension)
        if k < 1:
            raise InputError(f"k must be at least 1, not {k}")
        snapshot = self._snapshot
        wanted = k
        while True:
            keys, similarities = snapshot.nearest(query, wanted)
            with self._readers.lend() as catalog:
                ids = catalog.ids(keys.tolist())
            found = zip(keys.tolist(), similarities.tolist(), strict=True)
            neighbours = [Neighbour(ids[key], similarity) for key, similarity in found if key in ids]
            # Images removed since the snapshot leave gaps: look further down.
            if len(neighbours) >= k or wanted >= len(snapshot):
                return neighbours[:k]
            wanted = min(2 * wanted, len(snapshot))

    def refresh(self) -> bool:
        """Pick up what was committed or published since; True when something had changed.

        Searches that are running end on the state they began with.
        """
        with self._refreshing:
            if _manifest_or_none(self.path) != self._manifest:
                self._snapshot, self._info = self._load()
                return True
            with self._readers.lend() as catalog:
                if catalog.generation() == self._snapshot.generation:
                    return False
                snapshot = self._snapshot.advanced(catalog, self._segments)
                info = self._describe(snapshot, catalog)
            self._snapshot, self._info = snapshot, info
            return True

    def images(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """The records of ``ids``; those that are not in the collection are left out."""
        with self._readers.lend() as catalog:
            return catalog.images(ids)

    def image(self, image_id: str) -> ImageRecord:
        """The record of one image; ImageNotFound otherwise."""
        found = self.images([image_id])
        if image_id not in found:
            raise _not_found(image_id, self.path)
        return found[image_id]

    def file(self, image_id: str) -> Path:
        """A file that holds an image, links resolved; never one outside the folders that were indexed.

        Raises:
            ImageNotFound: there is no such image, or its files are gone.
        """
        found = self.files([image_id])
        if image_id in found:
            return found[image_id]
        record = self.image(image_id)
        raise ImageNotFound(
            f"image {image_id}: {record.paths[0]} is gone or not readable; index its folder again to update"
        )

    def files(self, ids: Sequence[str]) -> dict[str, Path]:
        """As ``file`` for each of ``ids``; those that are unknown or whose files are gone are left out."""
        with self._readers.lend() as catalog:
            paths = catalog.paths(ids)
            roots = root_folders(catalog)
        found = {image_id: next(readable_files(several, roots), None) for image_id, several in paths.items()}
        return {image_id: path for image_id, path in found.items() if path is not None}

    def vector(self, image_id: str) -> Vectors:
        """The embedding of an image, float32 (dimension,) of length 1; ImageNotFound when there is no such image."""
        with self._readers.lend() as catalog:
            row = catalog.row_of(image_id)
        if row is None:
            raise _not_found(image_id, self.path)
        vector: Vectors = self._segments.read([row])[0]
        return vector

    def rerank_tokens(self, ids: Sequence[str], fingerprint: str) -> dict[str, Halves]:
        """Kept image tokens (cells, d_model) of ``ids``, by the reranker with this ``image_fingerprint``.

        Images that have none, or whose tokens fail their checksum, are left out; the latter are logged.
        """
        with self._readers.lend() as catalog:
            places = token_places(catalog, ids, fingerprint)
        return self._tokens.read(places)

    def token_sets(self) -> list[TokenSet]:
        """What image tokens are kept, of which rerankers, as committed now."""
        with self._readers.lend() as catalog:
            return token_sets(catalog)

    def close(self) -> None:
        """Close its files; a second call does nothing."""
        self._readers.close()
        self._segments.close()
        self._tokens.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _load(self) -> tuple[Snapshot, CollectionInfo]:
        """The newest state: the newest sound index, with later changes on top."""
        manifest = _manifest_or_none(self.path)
        with self._readers.lend() as catalog:
            snapshot = self._indexed(manifest, catalog) or self._built(catalog)
            snapshot = snapshot.advanced(catalog, self._segments)
            info = self._describe(snapshot, catalog)
        self._manifest = manifest
        return snapshot, info

    def _indexed(self, manifest: Manifest | None, catalog: Catalog) -> Snapshot | None:
        for record in manifest.indexes if manifest else ():
            # An index from a later state than the catalogue belongs to a catalogue that was put back from a copy.
            if record.generation > catalog.generation() or record.dimension != self.encoder.dimension:
                continue
            plan = PLANS.get(record.kind)
            if plan is None:
                continue
            try:
                index = read_index(self.path, record)
            except CollectionDamaged:
                continue
            return Snapshot.of_index(index, record.generation, record.dimension, record, plan.description)
        return None

    def _built(self, catalog: Catalog) -> Snapshot:
        index = build_index(catalog, self._segments)
        plan = plan_index(len(index), self.encoder.dimension)
        words = f"{plan.description}, built in memory: no sound index on disk; the next indexing writes one"
        return Snapshot.of_index(index, catalog.generation(), self.encoder.dimension, None, words)

    def _describe(self, snapshot: Snapshot, catalog: Catalog) -> CollectionInfo:
        roots = tuple(root.display for root in catalog.roots())
        size = bytes_on_disk(self.path)
        words = snapshot.description
        if len(snapshot.delta_keys):
            words += f", {len(snapshot.delta_keys)} newer images beside it"
        return CollectionInfo(self.name, snapshot.images, snapshot.generation, self.encoder, words, roots, size)


def _manifest_or_none(path: Path) -> Manifest | None:
    try:
        return read_manifest(path)
    except CollectionDamaged:
        return None  # the catalogue knows everything that it says


def _unit_query(vector: Vectors, dimension: int) -> Vectors:
    query = np.ascontiguousarray(vector, dtype=np.float32)
    if query.shape != (dimension,):
        raise InputError(
            f"the query vector has shape {query.shape}, not ({dimension},) as this collection's embeddings"
        )
    length = float(np.linalg.norm(query))
    if not np.isfinite(length) or length == 0.0:
        raise InputError("the query vector is zero or not finite, so it points nowhere")
    unit: Vectors = query / np.float32(length)
    return unit


def _not_found(image_id: str, path: Path) -> ImageNotFound:
    return ImageNotFound(f"no image {image_id!r} in {path}; take ids from a search of this collection")
