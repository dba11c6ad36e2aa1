"""Collection: the reading side of a collection on disk, for any number of threads and processes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rerank.errors import InputError
from retrieval.catalog import CATALOG_FILE, Catalog
from retrieval.connections import ReaderPool
from retrieval.errors import CollectionNotFound, ImageNotFound
from retrieval.files import readable_files, root_folders
from retrieval.filters import Filter, parse_filter
from retrieval.following import Follower
from retrieval.matching import Matches
from retrieval.nearest import Nearest, unit_query
from retrieval.segments import Halves, Segments
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
        self._matches = Matches()
        self._follower = Follower(path, readers, self._segments, name, encoder)

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
        return self._follower.info

    def search(
        self, vector: Vectors, k: int, *, where: str | Filter | None = None, exact: bool = False
    ) -> list[Neighbour]:
        """The ``k`` images nearest to ``vector`` (dimension,), most similar first.

        Args:
            where: only images that this filter lets through; see ``retrieval.filters``.
            exact: compare it with every image, also where the index looks at the likely ones only.

        Raises:
            InputError: the vector has another dimension or is not finite, or ``k`` is below 1.
            FilterError: the filter cannot be read.
        """
        query = unit_query(vector, self.encoder.dimension)
        if k < 1:
            raise InputError(f"k must be at least 1, not {k}")
        snapshot = self._follower.snapshot
        wanted = parse_filter(where) if isinstance(where, str) else where
        with self._readers.lend() as catalog:
            among = None if wanted is None else self._matches.of(catalog, wanted)
            return Nearest(snapshot, catalog, self._segments, among).find(query, k, exact=exact)

    def refresh(self, *, indexes: bool = True) -> bool:
        """Pick up what was committed or published since; True when something had changed.

        Searches that are running end on the state they began with. Where nothing has changed it costs a tenth of a
        millisecond.

        Args:
            indexes: whether to load a newer index, too, which takes seconds for a million images; commits are picked
                up meanwhile by other threads that refresh without.

        Raises:
            EncoderChanged: the collection was re-embedded. This object goes on with what it has; open it again.
        """
        return self._follower.refresh(indexes=indexes)

    def wait_for(self, generation: int, timeout: float = 1.0) -> None:
        """Refresh until it shows at least change number ``generation``: for who has just written it.

        Raises:
            GenerationNotReached: it has not come within ``timeout`` seconds.
            EncoderChanged: as for ``refresh``.
        """
        self._follower.wait_for(generation, timeout)

    def images(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """The records of ``ids``; those that are not in the collection are left out."""
        with self._readers.lend() as catalog:
            return catalog.images(ids)

    def confirm_gone(self, ids: Sequence[str]) -> None:
        """Make sure that ``ids``, which a search has found and ``images`` has not, have been removed in between.

        Looks at every image, so ask only where something is missing.

        Raises:
            CollectionDamaged: an index of the catalogue hides one.
        """
        if ids:
            with self._readers.lend() as catalog:
                catalog.confirm_unknown(ids)

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
            roots = root_folders(catalog, self.path)
        found = {image_id: next(readable_files(several, roots, self.path), None) for image_id, several in paths.items()}
        return {image_id: path for image_id, path in found.items() if path is not None}

    def vector(self, image_id: str) -> Vectors:
        """The embedding of an image, float32 (dimension,) of length 1; ImageNotFound when there is no such image."""

        def read(catalog: Catalog) -> Vectors | None:
            row = catalog.row_of(image_id)
            return None if row is None else self._segments.read([row])[0]

        vector = self._follower.embeddings(read)
        if vector is None:
            raise _not_found(image_id, self.path)
        return vector

    def vectors(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """The embeddings of ``ids``, as of ``vector``; those that are not in the collection are left out."""

        def read(catalog: Catalog) -> dict[str, Vectors]:
            rows = {image_id: row for image_id in ids if (row := catalog.row_of(image_id)) is not None}
            return dict(zip(rows, self._segments.read(list(rows.values())), strict=True))

        return self._follower.embeddings(read)

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
        self._follower.close()
        self._segments.close()
        self._tokens.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _not_found(image_id: str, path: Path) -> ImageNotFound:
    return ImageNotFound(f"no image {image_id!r} in {path}; take ids from a search of this collection")
