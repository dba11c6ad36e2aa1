"""One question to one snapshot: which images are nearest, among all or among those that a filter lets through."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from functools import cached_property

import numpy as np

from rerank.errors import InputError
from retrieval.bitmaps import Bitmap, Keys, count_of, keys_of, without
from retrieval.catalog import Catalog, Change
from retrieval.errors import CollectionDamaged
from retrieval.exact import blocks_of, nearest_of
from retrieval.index import EVERYTHING
from retrieval.matching import located
from retrieval.segments import Row, Segments
from retrieval.snapshot import Snapshot
from retrieval.types import Neighbour, Vectors

log = logging.getLogger(__name__)
# A filter that leaves so few is answered by comparing all of them.
FEW = 1_000
# One that leaves so few, or less than this share, is looked for in all lists: only codes that fit are compared.
SEVERAL = 20_000
SEVERAL_SHARE = 0.02
# One that leaves less than this share leaves gaps in every list, so that more lists are looked into.
SOME_SHARE = 0.2
SOME_EFFORT = 3.0
# An exact answer that needs more than this share compared in full is had sooner by comparing all.
MOST_COMPARED = 0.2


class Nearest:
    """Searches of ``snapshot``, within one read of the catalogue; ``among`` are the keys a filter lets through."""

    def __init__(self, snapshot: Snapshot, catalog: Catalog, segments: Segments, among: Bitmap | None = None) -> None:
        self._snapshot = snapshot
        self._index = snapshot.base
        self._catalog = catalog
        self._segments = segments
        self._ids: dict[int, str] = {}
        self._among = among if among is None or snapshot.gone is None else without(among, snapshot.gone)
        self._most = len(snapshot) if self._among is None else min(count_of(self._among), len(snapshot))

    def find(self, query: Vectors, k: int, *, exact: bool = False) -> list[Neighbour]:
        """The ``k`` images nearest to a unit vector (dimension,), most similar first; fewer when there are no more.

        ``exact`` compares it with every one, whatever the index.
        """
        wanted = k
        while True:
            keys, similarities = self._ranked(query, wanted, exact)
            ids = self._named(keys.tolist())
            found = zip(keys.tolist(), similarities.tolist(), strict=True)
            neighbours = [Neighbour(ids[key], similarity) for key, similarity in found if key in ids]
            self._catalog.confirm_gone([key for key in keys.tolist() if key not in ids], self._snapshot.generation)
            dry = len(keys) < min(wanted, self._most)
            if len(neighbours) >= k or len(keys) >= self._most or (dry and (exact or self._index.exact)):
                return neighbours[:k]
            if dry:
                exact = True  # the lists that were looked into hold no more
            else:
                wanted *= 2  # images removed since the snapshot leave gaps: look further down

    def _ranked(self, query: Vectors, k: int, exact: bool) -> tuple[Keys, Vectors]:
        try:
            keys, similarities = self._of_index(query, min(k, self._most), exact)
        except CollectionDamaged as error:
            # The codes are sound: they give the same images, their similarities to three digits.
            log.warning("%s; similarities are those of the index's codes meanwhile", error)
            keys, similarities = self._coded(query, k, EVERYTHING if exact else self._effort)
        newest, more = self._snapshot.newest(query, self._among)
        keys, similarities = np.concatenate([keys, newest]), np.concatenate([similarities, more])
        # Equal images stand in the order of their keys, whether they are in the index or behind it.
        order = np.lexsort((keys, -similarities))[:k]
        return keys[order], np.clip(similarities[order], -1.0, 1.0)

    def _of_index(self, query: Vectors, k: int, exact: bool) -> tuple[Keys, Vectors]:
        if self._index.exact or not self._comparable:
            return self._coded(query, k, EVERYTHING if exact else self._effort)
        if self._among is not None and self._most <= FEW:
            return self._compared(self._catalog.rows_of(keys_of(self._among).tolist()), query, k)
        if exact:
            return self._certain(query, k)
        keys, _ = self._coded(query, math.ceil(self._index.overfetch * k), self._effort)
        return self._compared(self._rows_of(keys), query, k)

    def _certain(self, query: Vectors, k: int) -> tuple[Keys, Vectors]:
        """The nearest beyond doubt: what was not compared in full lies further off by more than codes can err."""
        fetched, error = max(4 * k, 400), self._index.error(query)
        while fetched < MOST_COMPARED * len(self._index):
            keys, coded = self._coded(query, fetched, EVERYTHING)
            found, similarities = self._compared(self._rows_of(keys), query, k)
            if len(keys) < fetched or (len(found) == k and coded[-1] + error < similarities[-1]):
                return found, similarities
            fetched *= 4
        listed = None if self._among is None else self._catalog.rows_of(keys_of(self._among).tolist())
        return self._compared(self._catalog.rows() if listed is None else listed, query, k)

    def _coded(self, query: Vectors, k: int, effort: float) -> tuple[Keys, Vectors]:
        return self._index.search(query, k, among=self._among, without=self._snapshot.gone, effort=effort)

    def _compared(self, rows: Iterable[Row], query: Vectors, k: int) -> tuple[Keys, Vectors]:
        """The nearest of ``rows`` that are in the index, compared in full."""
        beside = self._beside
        inside = (row for row in rows if row.key not in beside) if beside else rows
        keys, similarities = nearest_of(blocks_of(inside, self._segments), query[np.newaxis], k)
        return keys[0], similarities[0]

    def _rows_of(self, keys: Keys) -> list[Row]:
        """Where the embeddings of ``keys`` lie, in the order they lie on disk; their ids are kept for ``_named``."""
        found = located(self._catalog, keys.tolist())
        self._ids.update((key, name) for key, (name, _) in found.items())
        return sorted((row for _, row in found.values()), key=lambda row: (row.segment, row.row))

    def _named(self, keys: list[int]) -> dict[int, str]:
        """The ids of those of ``keys`` that still are there."""
        missing = [key for key in keys if key not in self._ids]
        if missing:
            self._ids.update(self._catalog.ids(missing))
        return self._ids

    @cached_property
    def _effort(self) -> float:
        if self._among is None or self._most >= SOME_SHARE * len(self._snapshot):
            return 1.0
        several = self._most <= SEVERAL or self._most < SEVERAL_SHARE * len(self._snapshot)
        return EVERYTHING if several else SOME_EFFORT

    @cached_property
    def _comparable(self) -> bool:
        """Whether the catalogue still leads to the embeddings that the snapshot was made of."""
        if self._catalog.log_start() > self._snapshot.generation:
            return False
        return all(change.kind != "encoder" for change in self._later)

    @cached_property
    def _beside(self) -> set[int]:
        """Keys that are in the catalogue but not in the index: added behind it, or since the snapshot."""
        later = {change.key for change in self._later if change.kind == "add"}
        return later.union(self._snapshot.delta_keys.tolist())

    @cached_property
    def _later(self) -> list[Change]:
        if self._catalog.generation() == self._snapshot.generation:
            return []
        return self._catalog.changes(self._snapshot.generation)


def unit_query(vector: Vectors, dimension: int) -> Vectors:
    """``vector`` scaled to length 1; InputError unless it has shape (dimension,) and points somewhere."""
    query = np.ascontiguousarray(vector, dtype=np.float32)
    if query.shape != (dimension,):
        raise InputError(
            f"the query vector has shape {query.shape}, not ({dimension},) as this collection's embeddings"
        )
    length = float(np.linalg.norm(query))
    if not np.isfinite(length) or length == 0.0:
        raise InputError("the query vector is zero or not finite, so it points nowhere")
    unit: Vectors = query / np.float32(length)
    return unit
