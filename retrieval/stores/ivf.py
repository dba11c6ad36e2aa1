"""Building inverted lists of 8-bit codes: centres learnt from a sample, then embeddings block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from retrieval.bitmaps import Keys
from retrieval.index import LISTS, IndexPlan
from retrieval.stores.faiss import FaissIndex, faiss
from retrieval.types import Vectors

ROUNDS = 10
# The codes put some of the nearest in another order: a quarter as many again are compared once more in full. Twice
# that found no more of them, to three digits.
OVERFETCH = 1.25
# What float32 sums may differ by, beside the codes' own error.
ROUNDING = 1e-5


def build_lists(
    plan: IndexPlan, sample: Callable[[int], Vectors], dimension: int, blocks: Iterable[tuple[Keys, Vectors]]
) -> FaissIndex:
    """Inverted lists as ``plan`` says; every search looks into all of them until they are calibrated.

    Args:
        sample: gives that many embeddings, float32 (n, dimension), spread over the collection.
        blocks: all embeddings with their keys, (n,) and (n, dimension).
    """
    nlist = int(plan.parameters["nlist"])
    centres = faiss.IndexFlatIP(dimension)
    codes = faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexIVFScalarQuantizer(centres, dimension, nlist, codes, faiss.METRIC_INNER_PRODUCT, True)
    index.cp.niter = ROUNDS
    index.cp.min_points_per_centroid = 1  # only warns, on stderr
    index.cp.max_points_per_centroid = 2**30  # the sample is already as large as it should be
    index.train(sample(int(plan.parameters["training"])))
    filling = _Filling(index, centres.reconstruct_n(0, nlist))
    for keys, vectors in blocks:
        filling.add(keys, vectors)
    parameters = {"nlist": nlist, "nprobe": nlist, "overfetch": OVERFETCH, "error": round(filling.error + ROUNDING, 6)}
    return FaissIndex(index, LISTS, parameters)


def with_probes(index: FaissIndex, nprobe: int) -> FaissIndex:
    """The same inverted lists, of which a search looks into ``nprobe``."""
    return FaissIndex(index.faiss_index, index.kind, index.parameters | {"nprobe": nprobe})


@dataclass
class _Filling:
    """An index being filled; ``error`` is the largest distance between an embedding and what its code stands for.

    By Cauchy and Schwarz no cosine with a unit query is off by more than that.
    """

    index: Any
    centres: Vectors
    error: float = 0.0

    def add(self, keys: Keys, vectors: Vectors) -> None:
        """Add embeddings (n, dimension) under ``keys`` (n,)."""
        # Assigned once, here: the code of an embedding depends on its list, and assigning is nearly all the work.
        lists = np.ascontiguousarray(self.index.quantizer.search(vectors, 1)[1][:, 0])
        count, pointers = len(keys), [faiss.swig_ptr(one) for one in (vectors, keys, lists)]
        self.index.add_core(count, *pointers)
        codes = np.empty((count, self.index.code_size), dtype=np.uint8)
        self.index.encode_vectors(count, pointers[0], pointers[2], faiss.swig_ptr(codes))
        held = self.index.sq.decode(codes) + self.centres[lists]
        self.error = max(self.error, float(np.linalg.norm(held - vectors, axis=1).max(initial=0.0)))
