"""Sets of catalogue keys, one bit a key: a million keys take 125 KB, and FAISS reads them as they are."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

# Bit k & 7 of byte k >> 3 stands for key k; keys beyond the end are not in the set.
Bitmap = NDArray[np.uint8]
Keys = NDArray[np.int64]


def bitmap_of(keys: Keys | Iterable[int]) -> Bitmap:
    """The set of ``keys``, none of which is negative."""
    given = keys if isinstance(keys, np.ndarray) else np.fromiter(keys, dtype=np.int64)
    flags = np.zeros(int(given.max(initial=-1)) + 1, dtype=np.bool_)
    flags[given] = True
    return np.packbits(flags, bitorder="little")


def keys_of(bitmap: Bitmap) -> Keys:
    """The keys in a set, rising."""
    return np.flatnonzero(np.unpackbits(bitmap, bitorder="little")).astype(np.int64)


def count_of(bitmap: Bitmap) -> int:
    """How many keys a set holds."""
    return int(np.bitwise_count(bitmap).sum())


def holds(bitmap: Bitmap, keys: Keys) -> NDArray[np.bool_]:
    """For each of ``keys`` (n,) whether it is in the set."""
    inside = (keys >= 0) & (keys >> 3 < len(bitmap))
    places = np.where(inside, keys, 0)
    if not len(bitmap):
        return inside
    found: NDArray[np.bool_] = inside & (bitmap[places >> 3] >> (places & 7).astype(np.uint8) & 1).astype(np.bool_)
    return found


def without(bitmap: Bitmap, others: Bitmap) -> Bitmap:
    """The keys of ``bitmap`` that are not in ``others``."""
    left = bitmap.copy()
    shared = min(len(bitmap), len(others))
    left[:shared] &= ~others[:shared]
    return left
