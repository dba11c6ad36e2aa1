"""What an index of FAISS holds, read back out of it: for checking one against the embeddings it was made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from retrieval.bitmaps import Keys
from retrieval.stores.faiss import FaissIndex, faiss
from retrieval.types import Vectors

_BLOCK = 4096


def contents_of(index: FaissIndex) -> Iterator[tuple[Keys, Vectors]]:
    """Blocks of keys (n,) and what they stand for, float32 (n, dimension)."""
    held = index.faiss_index
    if hasattr(held, "invlists"):
        yield from _listed(held, index.scale or 1.0)
        return
    keys = faiss.vector_to_array(held.id_map).astype(np.int64)
    for start in range(0, len(keys), _BLOCK):
        block = keys[start : start + _BLOCK]
        yield block, held.index.reconstruct_n(start, len(block))


def _listed(held: Any, scale: float) -> Iterator[tuple[Keys, Vectors]]:
    """Inverted lists: a code stands for the difference from its list's centre, both multiplied by ``scale``."""
    lists = held.invlists
    centres = held.quantizer.reconstruct_n(0, held.nlist)
    for number in range(held.nlist):
        size = lists.list_size(number)
        if size:
            keys = faiss.rev_swig_ptr(lists.get_ids(number), size).astype(np.int64)
            codes = faiss.rev_swig_ptr(lists.get_codes(number), size * held.code_size).reshape(size, held.code_size)
            yield keys, (held.sq.decode(np.ascontiguousarray(codes)) + centres[number]) / np.float32(scale)
