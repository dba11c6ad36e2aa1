"""An index on a GPU, with the CPU's beside it as its master.

What FAISS's GPU indexes leave out decides who answers: they silently ignore filters, look for at most 2,048
neighbours in at most 2,048 lists, and cannot remove. So the clone answers plain questions, asked for a few more
than are wanted to make up for images that have been removed; filters, exact answers, very long lists, and what
came out too short go to the master.

Written from FAISS's source and tested with a clone that behaves as it says; how fast it is has not been measured.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from retrieval.bitmaps import Bitmap, Keys, holds
from retrieval.index import EVERYTHING, VectorIndex
from retrieval.stores.faiss import FaissIndex, faiss, gpus
from retrieval.types import Vectors

log = logging.getLogger(__name__)
# The most neighbours, and lists, that a search on a GPU takes.
MOST = 2048
# How many more are asked for when some have been removed: as many again, and no fewer than this.
LEAST_SPARE = 64
# fp16 on the GPU: the best are compared again in full, as those of inverted lists are.
OVERFETCH, HALF_ERROR = 1.5, 2e-3
Clone = Callable[[Any], Any]


def accelerated(index: FaissIndex) -> VectorIndex:
    """``index`` with a clone on a GPU, where FAISS has one and it fits; else ``index`` itself."""
    if not gpus() or not len(index):
        return index
    try:
        return GpuIndex(index, _on_first_gpu())
    except RuntimeError as error:
        log.warning("the index does not go on the GPU, the CPU searches it: %s", str(error).splitlines()[0])
        return index


class GpuIndex:
    """A ``VectorIndex`` whose plain searches run on ``clone(master)``. Thread-safe: they take turns there."""

    exact = False

    def __init__(self, master: FaissIndex, clone: Clone) -> None:
        self.master = master
        self.kind = master.kind
        self.parameters = master.parameters
        self.overfetch = max(OVERFETCH, master.overfetch)
        self._clone = clone(clonable(master))
        self._made_by = clone  # with it the memory on the GPU goes
        # One stream, one scratch memory: FAISS's GPU indexes are not thread-safe.
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.master)

    def error(self, query: Vectors) -> float:
        """See ``VectorIndex.error``."""
        return max(HALF_ERROR, self.master.error(query))

    def search(
        self, query: Vectors, k: int, *, among: Bitmap | None = None, without: Bitmap | None = None, effort: float = 1.0
    ) -> tuple[Keys, Vectors]:
        """See ``VectorIndex.search``."""
        k = min(k, len(self))
        spare = 0 if without is None else max(k, LEAST_SPARE)
        wanted = min(k + spare, len(self))
        if among is not None or effort == EVERYTHING or wanted > MOST or self._probes(effort) > MOST:
            return self.master.search(query, k, among=among, without=without, effort=effort)
        keys, similarities = self._on_gpu(query, wanted, effort)
        if without is not None:
            kept = ~holds(without, keys)
            keys, similarities = keys[kept], similarities[kept]
        if len(keys) < min(k, wanted) and spare:
            # More of the nearest have been removed than there was to spare.
            return self.master.search(query, k, without=without, effort=effort)
        return keys[:k], similarities[:k]

    def write(self, file: BinaryIO) -> None:
        """See ``VectorIndex.write``."""
        self.master.write(file)

    def _on_gpu(self, query: Vectors, k: int, effort: float) -> tuple[Keys, Vectors]:
        parameters = None
        if not self.master.exact:
            parameters = faiss.SearchParametersIVF(nprobe=self._probes(effort))
        asked, scale = self.master.asked(query)
        with self._lock:
            similarities, keys = self._clone.search(np.ascontiguousarray(asked), k, params=parameters)
        found = keys[0] >= 0
        return keys[0][found], similarities[0][found] / np.float32(scale)

    def _probes(self, effort: float) -> int:
        return 0 if self.master.exact else self.master.probes(effort)


def clonable(master: FaissIndex) -> Any:
    """The index in a form that GPUs have: they know 8-bit codes of a range, but not codes that are whole numbers.

    The range is chosen so that each code stands for the same number; lists and centres are shared, not copied.
    """
    held = master.faiss_index
    if not master.scale:
        return held
    uniform, product = faiss.ScalarQuantizer.QT_8bit_uniform, faiss.METRIC_INNER_PRODUCT
    view = faiss.IndexIVFScalarQuantizer(held.quantizer, held.d, held.nlist, uniform, product, True)
    # A code c of that kind stands for first + width * (c + 0.5) / 255.
    faiss.copy_array_to_vector(np.array([-128.5, 255.0], dtype=np.float32), view.sq.trained)
    view.replace_invlists(held.invlists, False)
    view.is_trained, view.ntotal, view.nprobe = True, held.ntotal, held.nprobe
    return view


def _on_first_gpu() -> Clone:
    """Clones onto the first GPU, flat indexes in fp16; the resources live as long as the function."""
    resources = faiss.StandardGpuResources()
    options = faiss.GpuClonerOptions()
    options.useFloat16 = True

    def clone(index: Any) -> Any:
        return faiss.index_cpu_to_gpu(resources, 0, index, options)

    return clone
