"""Inverted lists with two codes an entry: one of 4 bits that all are judged by, one of 8 bits for the best of them.

Looking at a list takes as long as reading it from memory. The short codes are an eighth as long as the others: of the
embedding's difference from its list's centre, the directions that vary most, in pairs that share 4 bits (Jégou et al.,
"Product Quantization", 2011), read as André et al. do ("Cache locality is not enough", 2015; FAISS's fast scan).
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from retrieval.bitmaps import Bitmap, Keys
from retrieval.errors import CollectionDamaged
from retrieval.exact import products
from retrieval.index import EVERYTHING, SCANNED_LISTS
from retrieval.stores.faiss import FaissIndex, faiss, one_thread, selector
from retrieval.types import Vectors

# FAISS's way through a list that was quickest for one query at a time: no sharing of tables, a reservoir of the best.
_ONE_QUERY = 11
# Where so large a share would be compared by 8-bit codes, these are looked at straight away.
MOST_SURVIVING = 0.25
_ROWS = 256  # compared at a time, so that they stay in the processor's cache
_CODE_ZERO = 128  # what FAISS's codes of whole numbers hold for 0
_WORD = 8


@dataclass(frozen=True)
class Entries:
    """Where the entries of inverted lists are in memory. Entry n is the nth, list after list.

    ``starts`` (lists + 1,) are the numbers of each list's first entry, ``codes`` the bytes that follow the first list's
    codes, in which list l begins at ``places[l]``, and ``keys`` the entries' keys, which FAISS sees as ``id_map``.
    """

    starts: Keys
    places: Keys
    codes: NDArray[np.uint8]
    keys: Keys
    id_map: Any

    @classmethod
    def of(cls, index: Any) -> Entries:
        """The entries of an ``IndexIVF``, not copied, only their keys are."""
        lists, width = index.invlists, int(index.code_size)
        sizes = np.array([lists.list_size(number) for number in range(index.nlist)], dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        id_map, places = faiss.Int64Vector(), np.zeros(index.nlist, dtype=np.int64)
        id_map.resize(int(starts[-1]))
        keys: Keys = faiss.rev_swig_ptr(id_map.data(), int(starts[-1]))
        full = np.flatnonzero(sizes)
        for number in full.tolist():
            keys[starts[number] : starts[number + 1]] = faiss.rev_swig_ptr(lists.get_ids(number), int(sizes[number]))
            places[number] = faiss.rev_swig_ptr(lists.get_codes(number), 1).ctypes.data
        first = int(full[np.argmin(places[full])])
        reach = int((places[full] + sizes[full] * width).max() - places[first])
        # Overlapping windows, one a byte: only those that begin at an entry's own code are ever looked at.
        head = faiss.rev_swig_ptr(lists.get_codes(first), width)
        codes = np.lib.stride_tricks.as_strided(head, (reach - width + 1, width), (1, 1), writeable=False)
        return cls(starts, places - places[first], codes, keys, id_map)

    def lists(self, entries: Keys) -> Keys:
        """The number of each entry's list."""
        found: Keys = np.searchsorted(self.starts, entries, side="right") - 1
        return found

    def rows(self, entries: Keys, lists: Keys) -> Keys:
        """Where the codes of entries, which lie in ``lists``, are in ``codes``."""
        found: Keys = self.places[lists] + (entries - self.starts[lists]) * self.codes.shape[1]
        return found


class ScannedLists(FaissIndex):
    """Inverted lists of 8-bit codes, and a ``scan`` of the same lists: see ``scan_building`` for what that is.

    ``parameters`` has ``survivors`` as well: how many times as many as are wanted the scan hands on.
    """

    def __init__(self, index: Any, scan: Any, parameters: Mapping[str, Any], entries: Entries | None = None) -> None:
        super().__init__(index, SCANNED_LISTS, parameters)
        self.scan = scan
        self.entries = entries or Entries.of(index)
        self.short = faiss.downcast_index(scan.index)
        self.short.implem = _ONE_QUERY
        turned = faiss.downcast_VectorTransform(scan.chain.at(0))
        self.turn: Vectors = faiss.vector_to_array(turned.A).reshape(turned.d_out, turned.d_in)
        centres = faiss.downcast_index(index.quantizer)
        self._centres: Vectors = faiss.rev_swig_ptr(centres.get_xb(), index.nlist * index.d).reshape(-1, index.d)

    @classmethod
    def of(cls, index: FaissIndex, file: BinaryIO) -> ScannedLists:
        """The inverted lists with the scan behind them in their file."""
        try:
            file.seek(-_WORD, os.SEEK_END)
            file.seek(int.from_bytes(file.read(_WORD), "little"))
            scan = faiss.read_index(faiss.PyCallbackIOReader(file.read))
        except (RuntimeError, ValueError, OverflowError, OSError) as error:
            raise CollectionDamaged(f"the short codes cannot be read by FAISS ({error})") from error
        if not isinstance(scan, faiss.IndexPreTransform):
            raise CollectionDamaged("the index has no short codes where they should be")
        if (scan.ntotal, scan.d) != (len(index), index.faiss_index.d):
            raise CollectionDamaged(f"the index holds {len(index)} embeddings, but short codes of {scan.ntotal}")
        return cls(index.faiss_index, scan, index.parameters)

    def with_parameters(self, **changed: Any) -> ScannedLists:
        """See ``FaissIndex.with_parameters``."""
        return ScannedLists(self.faiss_index, self.scan, self.parameters | changed, self.entries)

    def search(
        self, query: Vectors, k: int, *, among: Bitmap | None = None, without: Bitmap | None = None, effort: float = 1.0
    ) -> tuple[Keys, Vectors]:
        """See ``VectorIndex.search``."""
        k = min(k, len(self))
        wanted = math.ceil(k * float(self.parameters["survivors"]))
        nothing = k == 0 or (among is not None and not len(among))
        if nothing or effort == EVERYTHING or wanted > MOST_SURVIVING * len(self):
            return super().search(query, k, among=among, without=without, effort=effort)
        scores = products(self._centres, query) / np.float32(self.scale)
        entries = self._scanned(query, scores, self.probes(effort), wanted, selector(among, without))
        return self._best(entries, self._compared(entries, scores, query), k)

    def write(self, file: BinaryIO) -> None:
        """See ``VectorIndex.write``. The last eight bytes say where the scan begins, behind the lists."""
        super().write(file)
        start = file.tell()
        faiss.write_index(self.scan, faiss.PyCallbackIOWriter(file.write))
        file.write(start.to_bytes(_WORD, "little"))

    def _scanned(self, query: Vectors, scores: Vectors, probes: int, wanted: int, allowed: list[Any] | None) -> Keys:
        """Up to ``wanted`` entries of the ``probes`` best lists that look best by their short codes, rising."""
        lists = np.argpartition(scores, -probes)[-probes:]
        lists = np.ascontiguousarray(lists[np.argsort(-scores[lists])])  # the best first: the others meet a higher bar
        options = {}
        if allowed is not None:
            options["sel"] = faiss.IDSelectorTranslated(self.entries.id_map, allowed[-1])
        parameters = faiss.SearchParametersIVF(nprobe=probes, **options)
        asked, biases = products(self.turn, query), np.ascontiguousarray(scores[lists])
        similarities, entries = np.empty(wanted, dtype=np.float32), np.empty(wanted, dtype=np.int64)
        # FAISS's Python form of it takes no parameters.
        found = [faiss.swig_ptr(one) for one in (lists, biases, similarities, entries)]
        with one_thread():
            self.short.search_preassigned_c(1, faiss.swig_ptr(asked), wanted, *found, False, parameters, None)
        return np.sort(entries[entries >= 0])

    def _compared(self, entries: Keys, scores: Vectors, query: Vectors) -> Vectors:
        """The cosines of entries by their 8-bit codes."""
        lists = self.entries.lists(entries)
        rows, asked = self.entries.rows(entries, lists), query / np.float32(self.scale)
        similarities: Vectors = scores[lists] - np.float32(_CODE_ZERO) * asked.sum()
        for start in range(0, len(rows), _ROWS):
            part = slice(start, start + _ROWS)
            similarities[part] += products(self.entries.codes[rows[part]].astype(np.float32), asked)
        return similarities

    def _best(self, entries: Keys, similarities: Vectors, k: int) -> tuple[Keys, Vectors]:
        if len(entries) > k:
            chosen = np.argpartition(similarities, -k)[-k:]
            entries, similarities = entries[chosen], similarities[chosen]
        order = np.argsort(-similarities)
        return self.entries.keys[entries[order]], similarities[order]
