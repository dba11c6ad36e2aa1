"""Indexes by FAISS. Nothing outside this folder imports it.

Never fork after this module has searched: OpenMP's threads do not survive it, and the child hangs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import faiss as _faiss
import numpy as np

from retrieval.bitmaps import Bitmap, Keys
from retrieval.errors import CollectionDamaged
from retrieval.index import EXACT, EXACT_HALF, LISTED, IndexPlan
from retrieval.stores.provider import check_provider
from retrieval.types import Vectors

check_provider()
# Its stubs lack half of what it has.
faiss: Any = _faiss
KINDS = (EXACT, EXACT_HALF, *LISTED)
# Codes that are whole numbers are compared with queries of whole numbers, of 8 bits as well.
QUERY_LARGEST = 127


class FaissIndex:
    """A FAISS index of inner products under catalogue keys; ``parameters`` are what it was built with.

    Of inverted lists, ``parameters`` has ``nprobe``, how many a search looks into, ``overfetch`` (see ``VectorIndex``),
    ``error``, how far a code may be from its embedding, and ``scale``, what embeddings were multiplied by to become
    whole numbers; without it, codes are of floats.
    """

    def __init__(self, index: Any, kind: str, parameters: Mapping[str, Any] | None = None) -> None:
        self.faiss_index = index
        self.kind = kind
        self.parameters = dict(parameters or {})
        self.exact = kind not in LISTED
        self.overfetch = float(self.parameters.get("overfetch", 1.0))
        self.scale = float(self.parameters.get("scale", 0.0))

    @classmethod
    def build(cls, plan: IndexPlan, dimension: int, blocks: Iterable[tuple[Keys, Vectors]]) -> FaissIndex:
        """Build the exact index that ``plan`` says from blocks of keys (n,) and unit vectors (n, dimension)."""
        if plan.kind == EXACT:
            flat = faiss.IndexFlatIP(dimension)
        else:
            half = faiss.ScalarQuantizer.QT_fp16
            flat = faiss.IndexScalarQuantizer(dimension, half, faiss.METRIC_INNER_PRODUCT)
        # The map must wrap an empty index: it numbers what is added through it, and nothing else.
        index = faiss.IndexIDMap(flat)
        for keys, vectors in blocks:
            index.add_with_ids(vectors, keys)
        return cls(index, plan.kind, plan.parameters)

    @classmethod
    def read(
        cls, file: BinaryIO, *, kind: str, dimension: int, images: int, parameters: Mapping[str, Any]
    ) -> FaissIndex:
        """Read an index whose checksum has been found right: FAISS reads some damaged files without a word.

        Inverted lists are mapped into memory, not read: what no search looks into is never loaded.
        """
        try:
            if kind in LISTED:
                index = faiss.read_index(f"/dev/fd/{file.fileno()}", faiss.IO_FLAG_MMAP_IFC)
            else:
                index = faiss.read_index(faiss.PyCallbackIOReader(file.read))
        except RuntimeError as error:
            raise CollectionDamaged(f"the index cannot be read by FAISS ({error})") from error
        if index.d != dimension or index.ntotal != images:
            raise CollectionDamaged(
                f"the index holds {index.ntotal} vectors of {index.d} dimensions, not {images} of {dimension}"
            )
        return cls(index, kind, parameters)

    def with_parameters(self, **changed: Any) -> FaissIndex:
        """The same index, searched with other parameters."""
        return FaissIndex(self.faiss_index, self.kind, self.parameters | changed)

    def __len__(self) -> int:
        return int(self.faiss_index.ntotal)

    @property
    def lists(self) -> int:
        """How many inverted lists it has; 0 where it has none."""
        return 0 if self.exact else int(self.faiss_index.nlist)

    def error(self, query: Vectors) -> float:
        """See ``VectorIndex.error``."""
        asked, scale = self.asked(query)
        rounded = np.linalg.norm(asked[0] * (self.scale / scale) - query) if self.scale else 0.0
        return float(self.parameters.get("error", 0.0) + rounded)

    def asked(self, query: Vectors) -> tuple[Vectors, float]:
        """What FAISS is to be asked for a query (dimension,): (1, dimension), and what to divide its answers by."""
        if not self.scale:
            return query[np.newaxis], 1.0
        fine = np.float32(QUERY_LARGEST / max(float(np.abs(query).max()), 1e-6))
        return np.rint(query * fine)[np.newaxis], float(self.scale * fine)

    def search(
        self, query: Vectors, k: int, *, among: Bitmap | None = None, without: Bitmap | None = None, effort: float = 1.0
    ) -> tuple[Keys, Vectors]:
        """See ``VectorIndex.search``."""
        k = min(k, len(self))
        if k == 0 or (among is not None and not len(among)):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        # Parameters go with the call, never on the shared index: another query may be running on it.
        allowed = selector(among, without)
        options = {} if allowed is None else {"sel": allowed[-1]}
        if self.exact:
            parameters = faiss.SearchParameters(**options) if options else None
        else:
            parameters = faiss.SearchParametersIVF(nprobe=self.probes(effort), **options)
        asked, scale = self.asked(query)
        with one_thread():
            similarities, keys = self.faiss_index.search(asked, k, params=parameters)
        found = keys[0] >= 0
        return keys[0][found], similarities[0][found] / np.float32(scale)

    def probes(self, effort: float) -> int:
        """How many lists are looked into at this effort."""
        return int(min(self.lists, max(1.0, effort * self.parameters.get("nprobe", 1))))

    def write(self, file: BinaryIO) -> None:
        """See ``VectorIndex.write``."""
        faiss.write_index(self.faiss_index, faiss.PyCallbackIOWriter(file.write))


def selector(among: Bitmap | None, without: Bitmap | None) -> list[Any] | None:
    """FAISS selectors for the keys that may come back: the last is to be used, the others keep it valid."""
    made: list[Any] = [] if among is None else [_bitmap(among)]
    if without is not None and len(without):
        removed = _bitmap(without)
        made += [removed, faiss.IDSelectorNot(removed)]
        if among is not None:
            made.append(faiss.IDSelectorAnd(made[0], made[-1]))
    return made or None


@contextmanager
def one_thread() -> Iterator[None]:
    """FAISS without its threads, for searches of the thread that asks.

    It shares work out by queries, so that one query has no use for a second thread; that one would spin until the
    first is done, at more than twice the processor time in all. OpenMP keeps the number for each thread apart.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def gpus() -> int:
    """How many GPUs FAISS can use."""
    return int(faiss.get_num_gpus()) if hasattr(faiss, "get_num_gpus") else 0


def _bitmap(bitmap: Bitmap) -> Any:
    return faiss.IDSelectorBitmap(np.ascontiguousarray(bitmap))
