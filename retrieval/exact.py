"""The nearest embeddings by comparing every one, block by block: what indexes are measured against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from retrieval.bitmaps import Keys
from retrieval.segments import Row, Segments
from retrieval.types import Vectors


def blocks_of(rows: Iterable[Row], segments: Segments) -> Iterator[tuple[Keys, Vectors]]:
    """Keys (n,) and embeddings (n, dimension) of ``rows``, some thousands at a time.

    Raises:
        CollectionDamaged: an embedding fails its checksum.
    """
    left = iter(rows)
    while block := list(islice(left, segments.block_rows)):
        yield np.array([row.key for row in block], dtype=np.int64), segments.read(block)


def products(vectors: Vectors, query: Vectors) -> Vectors:
    """The inner products of vectors (n, dimension) with a query (dimension,): (n,), by the thread that asks.

    A matrix product would be shared out among BLAS's threads: no sooner done, and the others go on spinning for longer.
    """
    found: Vectors = np.vecdot(vectors, query)
    return found


def nearest_of(blocks: Iterable[tuple[Keys, Vectors]], queries: Vectors, k: int) -> tuple[Keys, Vectors]:
    """For each of ``queries`` (q, dimension) the keys of the nearest and their cosines, best first.

    Both have shape (q, k), or fewer columns when there are fewer embeddings. Equal cosines by rising key.
    """
    keys = np.zeros((len(queries), 0), dtype=np.int64)
    similarities = np.zeros((len(queries), 0), dtype=np.float32)
    for more, vectors in blocks:
        found = products(vectors, queries[0])[np.newaxis] if len(queries) == 1 else queries @ vectors.T
        if found.shape[1] > k:
            # With fewer in the running, most of a block is out at once.
            chosen = np.argpartition(found, -k, axis=1)[:, -k:]
            found, more = np.take_along_axis(found, chosen, axis=1), more[chosen]
        keys = np.concatenate([keys, np.broadcast_to(more, found.shape)], axis=1)
        similarities = np.concatenate([similarities, found], axis=1)
        order = np.lexsort((keys, -similarities))[:, :k]
        keys = np.take_along_axis(keys, order, axis=1)
        similarities = np.take_along_axis(similarities, order, axis=1)
    return keys, similarities


def spread(rows: Iterable[Row], total: int, count: int, seed: int = 0) -> Iterator[Row]:
    """``count`` of ``total`` rows chosen at random, the same for the same seed, in their order."""
    chosen = np.zeros(total, dtype=np.bool_)
    chosen[np.random.default_rng(seed).choice(total, min(count, total), replace=False)] = True
    return (row for row, wanted in zip(rows, chosen.tolist(), strict=False) if wanted)


def read_all(rows: Iterable[Row], segments: Segments) -> Vectors:
    """The embeddings of ``rows``, (n, dimension); only for as many as memory holds."""
    parts: Sequence[Vectors] = [vectors for _, vectors in blocks_of(rows, segments)]
    return np.concatenate(parts) if parts else np.zeros((0, segments.dimension), dtype=np.float32)
