"""Indexes by FAISS. The only module that imports it.

Never fork after this module has searched: OpenMP's threads do not survive it, and the child hangs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

import faiss as _faiss
import numpy as np

from retrieval.errors import CollectionDamaged
from retrieval.index import IndexPlan, Keys
from retrieval.types import Vectors

# Its stubs lack half of what it has.
faiss: Any = _faiss


class FaissIndex:
    """A FAISS index of inner products under catalogue keys."""

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def build(cls, plan: IndexPlan, dimension: int, blocks: Iterable[tuple[Keys, Vectors]]) -> FaissIndex:
        """Build what ``plan`` says from blocks of keys (n,) and unit vectors (n, dimension)."""
        if plan.kind != "flat-fp32":
            raise CollectionDamaged(f"an index of kind {plan.kind!r} is not known here; update Veralens")
        # The map must wrap an empty index: it numbers what is added through it, and nothing else.
        index = faiss.IndexIDMap(faiss.IndexFlatIP(dimension))
        for keys, vectors in blocks:
            index.add_with_ids(vectors, keys)
        return cls(index)

    @classmethod
    def read(cls, file: BinaryIO, *, dimension: int, images: int) -> FaissIndex:
        """Read an index whose checksum has been found right: FAISS reads some damaged files without a word."""
        try:
            index = faiss.read_index(faiss.PyCallbackIOReader(file.read))
        except RuntimeError as error:
            raise CollectionDamaged(f"the index cannot be read by FAISS ({error})") from error
        if index.d != dimension or index.ntotal != images:
            raise CollectionDamaged(
                f"the index holds {index.ntotal} vectors of {index.d} dimensions, not {images} of {dimension}"
            )
        return cls(index)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, query: Vectors, k: int, *, without: Keys) -> tuple[Keys, Vectors]:
        """See ``VectorIndex.search``."""
        k = min(k, len(self))
        if k == 0:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        # Parameters go with the call, never on the shared index: another query may be running on it.
        parameters = None
        if len(without):
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorNot(faiss.IDSelectorBatch(without)))
        similarities, keys = self._index.search(query[np.newaxis], k, params=parameters)
        found = keys[0] >= 0
        return keys[0][found], similarities[0][found]

    def write(self, file: BinaryIO) -> None:
        """See ``VectorIndex.write``."""
        faiss.write_index(self._index, faiss.PyCallbackIOWriter(file.write))
