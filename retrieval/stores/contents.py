"""What an index of FAISS holds, read back out of it: for checking one against the embeddings it was made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.bitmaps import Keys
from retrieval.stores.faiss import FaissIndex, faiss
from retrieval.stores.scan import ScannedLists
from retrieval.types import Vectors

_BLOCK = 4096


def contents_of(index: FaissIndex) -> Iterator[tuple[Keys, Vectors]]:
    """Blocks of keys (n,) and what they stand for, float32 (n, dimension)."""
    held = index.faiss_index
    if hasattr(held, "invlists"):
        scale = np.float32(index.scale or 1.0)
        centres = held.quantizer.reconstruct_n(0, held.nlist)
        for number in _full_lists(held.invlists):
            keys, apart = _listed(held, number)
            yield keys, (apart + centres[number]) / scale
        return
    keys = faiss.vector_to_array(held.id_map).astype(np.int64)
    for start in range(0, len(keys), _BLOCK):
        block = keys[start : start + _BLOCK]
        yield block, held.index.reconstruct_n(start, len(block))


def wrong_short_codes(index: FaissIndex) -> int:
    """How many entries of the lists have not the short code that they should have; 0 where there are none.

    A code is right if no other is nearer to the embedding. The 8-bit codes stand for it here, from which it is no
    further than ``error``: so the right code is no further than the nearest to them and twice that.
    """
    if not isinstance(index, ScannedLists):
        return 0
    held, short, wrong, first = index.faiss_index, index.short, 0, 0
    slack = 2.0 * float(index.parameters["error"])
    for number in _full_lists(held.invlists):
        turned = np.ascontiguousarray(_listed(held, number)[1] / np.float32(index.scale) @ index.turn.T)
        count = len(turned)
        if short.invlists.list_size(number) != count:
            return len(index)
        numbers = faiss.rev_swig_ptr(short.invlists.get_ids(number), count)
        off = np.linalg.norm(short.pq.decode(_unpacked(short, number, count)) - turned, axis=1)
        least = np.linalg.norm(short.pq.decode(short.pq.compute_codes(turned)) - turned, axis=1)
        wrong += int(((numbers != np.arange(first, first + count)) | (off > least + slack)).sum())
        first += count
    return wrong


def _full_lists(lists: Any) -> Iterator[int]:
    return (number for number in range(lists.nlist) if lists.list_size(number))


def _listed(held: Any, number: int) -> tuple[Keys, Vectors]:
    """Keys and decoded codes of one list: the difference from its centre, both multiplied by the index's scale."""
    lists, width = held.invlists, held.code_size
    size = lists.list_size(number)
    keys = faiss.rev_swig_ptr(lists.get_ids(number), size).astype(np.int64)
    codes = faiss.rev_swig_ptr(lists.get_codes(number), size * width).reshape(size, width)
    return keys, held.sq.decode(np.ascontiguousarray(codes))


def _unpacked(short: Any, number: int, count: int) -> NDArray[np.uint8]:
    """The short codes of one list, (count, bytes), which FAISS keeps in blocks with the bits of several mixed."""
    packer = short.get_CodePacker()
    blocks = -(-count // packer.nvec)
    packed = faiss.rev_swig_ptr(short.invlists.get_codes(number), blocks * packer.block_size)
    codes = np.empty((blocks, packer.nvec, packer.code_size), dtype=np.uint8)
    for block in range(blocks):
        start = faiss.swig_ptr(packed[block * packer.block_size : (block + 1) * packer.block_size])
        packer.unpack_all(start, faiss.swig_ptr(codes[block]))
    return codes.reshape(-1, packer.code_size)[:count]
