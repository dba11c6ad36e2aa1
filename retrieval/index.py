"""What the collection needs of a vector index, and which index a collection of a given size gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.types import Vectors

Keys = NDArray[np.int64]


class VectorIndex(Protocol):
    """Embeddings under their catalogue keys. Never changed once built; searching is thread-safe."""

    def __len__(self) -> int: ...

    def search(self, query: Vectors, k: int, *, without: Keys) -> tuple[Keys, Vectors]:
        """The keys nearest to ``query`` (dimension,) and their cosines, best first; at most ``k``.

        ``without`` are keys that must not come back.
        """
        ...

    def write(self, file: BinaryIO) -> None:
        """Write it to an open binary file."""
        ...


@dataclass(frozen=True)
class IndexPlan:
    """Which index to build; ``description`` says it in words."""

    kind: str
    description: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


EXACT = IndexPlan("flat-fp32", "exact, fp32 (FAISS IndexFlatIP)")
PLANS = {EXACT.kind: EXACT}


def plan_index(images: int, dimension: int) -> IndexPlan:
    """The index for a collection of this size. Exact at every size, so far."""
    del images, dimension
    return EXACT
