"""What the collection needs of a vector index, and which index a collection of a given size gets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from retrieval.bitmaps import Bitmap, Keys
from retrieval.types import Vectors

# All of an index, where not all of it need be looked at.
EVERYTHING = float("inf")

EXACT = "flat-fp32"
EXACT_HALF = "flat-fp16"
LISTS = "ivf-sq8"
SCANNED_LISTS = "ivf-pq4-sq8"
# Those that look at a part of the embeddings only; the first is of earlier versions, and no longer built.
LISTED = (LISTS, SCANNED_LISTS)


class VectorIndex(Protocol):
    """Embeddings under their catalogue keys. Never changed once built; searching is thread-safe.

    ``exact``: it looks at every embedding in full, and its cosines are those of the embeddings. Otherwise
    ``overfetch`` times as many as are wanted should be asked for and compared again in full.
    """

    @property
    def exact(self) -> bool: ...

    @property
    def overfetch(self) -> float: ...

    def error(self, query: Vectors) -> float:
        """No cosine with a unit ``query`` (dimension,) is further than this from that of the embedding."""
        ...

    def __len__(self) -> int: ...

    def search(
        self, query: Vectors, k: int, *, among: Bitmap | None = None, without: Bitmap | None = None, effort: float = 1.0
    ) -> tuple[Keys, Vectors]:
        """The keys nearest to ``query`` (dimension,) and their cosines, best first; at most ``k``.

        Args:
            among: the keys that may come back; None for all.
            without: keys that must not come back.
            effort: how many times the usual part of the index to look at; ``EVERYTHING`` for all of it.
        """
        ...

    def write(self, file: BinaryIO) -> None:
        """Write it to an open binary file."""
        ...


@dataclass(frozen=True)
class IndexPlan:
    """Which index to build, and what it is built with."""

    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class IndexRule:
    """From how many images on which index is built.

    Exact in fp32 to ``exact_images``; exact in fp16 while that takes no more than ``half_bytes``; above,
    inverted lists of 4- and 8-bit codes, as many lists as the power of two nearest to four times the square root.
    Of these as many are looked into as it takes to find ``recall`` of the nearest ``candidates`` of a text.
    """

    exact_images: int = 100_000
    half_bytes: int = 256_000_000
    recall: float = 0.97
    candidates: int = 100
    points_per_list: int = 48
    training_bytes: int = 512_000_000

    def plan(self, images: int, dimension: int) -> IndexPlan:
        """The index for a collection of this size."""
        if images <= self.exact_images:
            return IndexPlan(EXACT)
        if 2 * images * dimension <= self.half_bytes:
            return IndexPlan(EXACT_HALF)
        lists = 1 << max(0, round(math.log2(4.0 * math.sqrt(images))))
        return IndexPlan(SCANNED_LISTS, {"nlist": lists, "training": self._training(images, dimension, lists)})

    def in_memory(self, images: int) -> IndexPlan:
        """The index to make do with where none is on disk: quickly built, and exact."""
        return IndexPlan(EXACT if images <= self.exact_images else EXACT_HALF)

    def _training(self, images: int, dimension: int, lists: int) -> int:
        """How many embeddings the lists' centres are learnt from: what fits ``training_bytes`` in fp32."""
        most = max(lists, self.training_bytes // (4 * dimension))
        return min(images, self.points_per_list * lists, most)


RULE = IndexRule()


def describe_index(kind: str, images: int, parameters: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    """In words how an index is searched, and why a collection of this size has it."""
    if kind == EXACT:
        return "exact, fp32 (FAISS IndexFlatIP)"
    if kind == EXACT_HALF:
        return f"exact, fp16 (FAISS IndexScalarQuantizer): half the memory of fp32 for {images:,} images"
    looked = f"{parameters['nprobe']} of {parameters['nlist']} lists are looked into"
    if kind == SCANNED_LISTS:
        words = (
            f"inverted lists of 4- and 8-bit codes (FAISS IndexIVFPQFastScan, IndexIVFScalarQuantizer): {looked} by "
            f"4-bit codes, {parameters['survivors']} times as many as are wanted compared by 8-bit codes, the best "
        )
    else:
        words = f"inverted lists of 8-bit codes (FAISS IndexIVFScalarQuantizer): {looked}, the best compared "
    words += f"again in fp16; to compare all of {images:,} images would take too long"
    if measured:
        words += f"; finds {measured['recall']:.1%} of the exact {measured['candidates']} for {measured['queries']}"
    return words
