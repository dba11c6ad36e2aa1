"""Building inverted lists: centres learnt from a sample, then embeddings block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from retrieval.bitmaps import Keys
from retrieval.index import LISTS, SCANNED_LISTS, IndexPlan
from retrieval.stores.faiss import FaissIndex, faiss
from retrieval.stores.scan import ScannedLists
from retrieval.stores.scan_building import ScanFilling, add_codes
from retrieval.types import Vectors

ROUNDS = 10
# How many times as many as are wanted the scan hands on until that is calibrated.
SURVIVORS = 64
# 8 bits hold whole numbers from -LARGEST - 1 to LARGEST. Multiplied with a query of whole numbers they take half the
# time that codes take which must first become floats.
LARGEST = 127
# What the codes are learnt from: so many embeddings a list, and room for those further from their centre.
SCALED_BY, ROOM = 8, 1.1
# The codes put some of the nearest in another order: a tenth as many again are compared once more in full. A quarter
# as many found no more of them, to four digits.
OVERFETCH = 1.1
# What float32 sums may differ by, beside the codes' own error.
ROUNDING = 1e-5


def build_lists(
    plan: IndexPlan, sample: Callable[[int], Vectors], blocks: Iterable[tuple[Keys, Vectors]]
) -> FaissIndex:
    """Inverted lists as ``plan`` says; every search looks into all of them until they are calibrated.

    Args:
        sample: gives that many embeddings, float32 (n, dimension), spread over the collection.
        blocks: all embeddings with their keys, (n,) and (n, dimension).
    """
    nlist = int(plan.parameters["nlist"])
    learnt = sample(int(plan.parameters["training"]))
    centres = _centres(learnt, nlist)
    apart = _apart(learnt[: SCALED_BY * nlist], centres)
    del learnt
    scale = round(LARGEST / max(ROOM * float(np.abs(apart).max(initial=0.0)), 1e-3), 3)
    scan = ScanFilling(centres, apart) if plan.kind == SCANNED_LISTS else None
    filling = _Filling(_empty(centres, scale), centres, scale, scan)
    for keys, vectors in blocks:
        filling.add(keys, vectors)
    error = round(filling.error + ROUNDING, 6)
    parameters = {"nlist": nlist, "nprobe": nlist, "overfetch": OVERFETCH, "scale": scale, "error": error}
    if scan is None:
        return FaissIndex(filling.index, LISTS, parameters)
    return ScannedLists(filling.index, scan.finished(), parameters | {"survivors": SURVIVORS})


@dataclass
class _Filling:
    """An index being filled; ``error`` is the largest distance between an embedding and what its code stands for.

    By Cauchy and Schwarz no cosine with a unit query is off by more than that.
    """

    index: Any
    centres: Vectors
    scale: float
    scan: ScanFilling | None
    error: float = 0.0

    def add(self, keys: Keys, vectors: Vectors) -> None:
        """Add embeddings (n, dimension) under ``keys`` (n,)."""
        lists = _nearest_lists(self.index.quantizer, vectors)
        apart = vectors - self.centres[lists]
        held = np.clip(np.rint(apart * self.scale), -LARGEST - 1, LARGEST)
        self.error = max(self.error, float(np.linalg.norm(held / self.scale - apart, axis=1).max(initial=0.0)))
        add_codes(self.index, keys, lists, (held + (LARGEST + 1)).astype(np.uint8))
        if self.scan is not None:
            self.scan.add(keys, lists, apart)


def _centres(learnt: Vectors, nlist: int) -> Vectors:
    """The lists' centres, (nlist, dimension) of length 1, by spherical k-means over embeddings (n, dimension)."""
    dimension = learnt.shape[1]
    centres = faiss.IndexFlatIP(dimension)
    index = faiss.IndexIVFFlat(centres, dimension, nlist, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = ROUNDS
    index.cp.min_points_per_centroid = 1  # only warns, on stderr
    index.cp.max_points_per_centroid = 2**30  # the sample is already as large as it should be
    index.train(learnt)
    found: Vectors = centres.reconstruct_n(0, nlist)
    return found


def _apart(some: Vectors, centres: Vectors) -> Vectors:
    """How embeddings (n, dimension) differ from the centre of their list."""
    quantizer = faiss.IndexFlatIP(centres.shape[1])
    quantizer.add(centres)
    found: Vectors = some - centres[_nearest_lists(quantizer, some)]
    return found


def _empty(centres: Vectors, scale: float) -> Any:
    """Lists without entries. Centres are scaled like the codes: FAISS adds up what both give."""
    nlist, dimension = centres.shape
    quantizer = faiss.IndexFlatIP(dimension)
    quantizer.add(centres * np.float32(scale))
    codes = faiss.ScalarQuantizer.QT_8bit_direct_signed
    index = faiss.IndexIVFScalarQuantizer(quantizer, dimension, nlist, codes, faiss.METRIC_INNER_PRODUCT, True)
    index.is_trained = True  # whole numbers need no training
    return index


def _nearest_lists(quantizer: Any, vectors: Vectors) -> Keys:
    """The number of the list of each embedding, (n,)."""
    found: Keys = np.ascontiguousarray(quantizer.search(vectors, 1)[1][:, 0])
    return found
