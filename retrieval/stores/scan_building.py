"""Building the scan of inverted lists: the short codes of every entry, in the order of the lists' entries.

It is FAISS's ``IndexPreTransform`` of a ``LinearTransform``, which turns embeddings so that the directions in which
they differ most from their list's centre come first, in pairs, and leaves the rest out, and an ``IndexIVFPQFastScan``,
which has 4 bits for each pair.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from retrieval.bitmaps import Keys
from retrieval.stores.faiss import faiss
from retrieval.types import Vectors

BITS = 4
# So many numbers of an embedding share a code of 4 bits: half of them are left out, and the others are in pairs.
NUMBERS = 4
# FAISS adds up to 257 codes in 16 bits.
MOST_CODES = 256
_BLOCK = 32  # entries that FAISS reads at a time


class ScanFilling:
    """The scan of lists with these ``centres`` (nlist, dimension), being filled in step with them.

    ``apart`` (n, dimension) are the differences of some embeddings from their list's centre, to learn from.
    """

    def __init__(self, centres: Vectors, apart: Vectors) -> None:
        nlist, dimension = centres.shape
        count = min(MOST_CODES, max(1, dimension // NUMBERS))
        self._turn = _turn(apart, count)
        turned = len(self._turn)
        quantizer = faiss.IndexFlatIP(turned)
        quantizer.add(np.ascontiguousarray(centres @ self._turn.T))
        self._index = faiss.IndexIVFPQ(quantizer, turned, nlist, count, BITS, faiss.METRIC_INNER_PRODUCT)
        self._codes = self._index.pq
        self._codes.cp.min_points_per_centroid = 1  # only warns, on stderr
        self._codes.train(np.ascontiguousarray(apart @ self._turn.T))
        self._index.is_trained = True

    def add(self, keys: Keys, lists: Keys, apart: Vectors) -> None:
        """Add entries to ``lists`` (n,), of embeddings that differ by ``apart`` (n, dimension) from the centres."""
        add_codes(self._index, keys, lists, self._codes.compute_codes(np.ascontiguousarray(apart @ self._turn.T)))

    def finished(self) -> Any:
        """The scan. It names an entry by its number, counted list after list."""
        lists, first = self._index.invlists, 0
        for number in range(self._index.nlist):
            size = int(lists.list_size(number))
            if size:
                faiss.rev_swig_ptr(lists.get_ids(number), size)[:] = np.arange(first, first + size)
            first += size
        return faiss.IndexPreTransform(_transform(self._turn), faiss.IndexIVFPQFastScan(self._index, _BLOCK))


def add_codes(index: Any, keys: Keys, lists: Keys, codes: Any) -> None:
    """Add ``codes`` (n, bytes) of entries of ``lists`` (n,) to an ``IndexIVF``, under ``keys`` (n,)."""
    # FAISS's form of an entry: the number of its list, lowest byte first, then its code.
    numbers = lists.astype("<i8").view(np.uint8).reshape(len(keys), 8)[:, : index.coarse_code_size()]
    index.add_sa_codes(np.ascontiguousarray(np.hstack([numbers, codes])), np.ascontiguousarray(keys))


def _turn(apart: Vectors, count: int) -> Vectors:
    """The directions (2 · count, dimension) in which ``apart`` (n, dimension) varies most, as ``count`` pairs.

    The first goes with the last, the second with the last but one: each pair has about as much to say.
    """
    dimension = apart.shape[1]
    _, directions = np.linalg.eigh(apart.T @ apart)
    best = directions[:, ::-1].T[: min(2 * count, dimension)]
    order = np.stack([np.arange(len(best) // 2), len(best) - 1 - np.arange(len(best) // 2)], axis=1).ravel()
    turn: Vectors = np.ascontiguousarray(best[order], dtype=np.float32)
    return turn


def _transform(turn: Vectors) -> Any:
    made = faiss.LinearTransform(turn.shape[1], turn.shape[0], False)
    faiss.copy_array_to_vector(turn.ravel(), made.A)
    made.is_trained = True
    return made
