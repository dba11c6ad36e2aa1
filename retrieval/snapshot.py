"""What a reader searches: an index, what was added behind it, what was removed; never changed, only replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from retrieval.bitmaps import Bitmap, Keys, bitmap_of, holds
from retrieval.catalog import Catalog, Change
from retrieval.exact import products
from retrieval.index import VectorIndex
from retrieval.manifest import IndexFile
from retrieval.segments import Segments
from retrieval.types import Vectors


@dataclass(frozen=True)
class Snapshot:
    """The collection after change number ``generation``.

    ``file`` is the published index that ``base`` was read from, None when it was built in memory;
    ``delta`` (n, dimension) holds the embeddings added behind it under ``delta_keys`` (n,), and
    ``removed`` the keys that no longer count.
    """

    generation: int
    images: int
    base: VectorIndex
    file: IndexFile | None
    description: str
    delta_keys: Keys
    delta: Vectors
    removed: Keys

    @classmethod
    def of_index(
        cls, base: VectorIndex, generation: int, dimension: int, file: IndexFile | None, words: str
    ) -> Snapshot:
        """The state that an index alone stands for."""
        none = np.zeros(0, dtype=np.int64)
        return cls(generation, len(base), base, file, words, none, np.zeros((0, dimension), dtype=np.float32), none)

    def advanced(self, catalog: Catalog, segments: Segments) -> Snapshot:
        """This snapshot with the catalogue's later changes replayed on top."""
        changes = catalog.changes(self.generation)
        if not changes:
            return replace(self, images=catalog.count())
        removed = np.union1d(self.removed, _keys(changes, "remove"))
        rows = catalog.rows_of([change.key for change in changes if change.kind == "add"])
        new_keys = np.array([row.key for row in rows], dtype=np.int64)
        keep = ~np.isin(self.delta_keys, removed)
        return replace(
            self,
            generation=changes[-1].generation,
            images=catalog.count(),
            delta_keys=np.concatenate([self.delta_keys[keep], new_keys]),
            delta=np.concatenate([self.delta[keep], segments.read(rows)]),
            removed=removed,
        )

    def newest(self, query: Vectors, among: Bitmap | None) -> tuple[Keys, Vectors]:
        """The keys of all that was added behind the index, and their cosines with a unit vector (dimension,)."""
        keys, similarities = self.delta_keys, products(self.delta, query)
        if among is None or not len(keys):
            return keys, similarities
        inside = holds(among, keys)
        return keys[inside], similarities[inside]

    @cached_property
    def gone(self) -> Bitmap | None:
        """The keys that no longer count, for an index to pass over; None for none."""
        return bitmap_of(self.removed) if len(self.removed) else None

    def __len__(self) -> int:
        return len(self.base) + len(self.delta_keys)


def _keys(changes: Sequence[Change], kind: str) -> Keys:
    return np.array([change.key for change in changes if change.kind == kind], dtype=np.int64)
