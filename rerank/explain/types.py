"""What an explanation says: parts of the text, the words at fault, and where in the picture the evidence lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rerank.types import Entailment

PartKind = Literal["item", "thing", "attribute", "relation", "rest"]


@dataclass(frozen=True)
class Part:
    """A part of the text, held against the picture by a hypothesis of its own.

    ``text`` is ``whole[start:end]``, in code points of the text as it was handed in. An "item" is a noun phrase;
    its "thing" and its "attribute"s name their item's place among the parts in ``item``. A "relation" joins two
    items; "rest" is what was too long, or too strange, to be taken apart.
    """

    kind: PartKind
    text: str
    start: int
    end: int
    hypothesis: str
    verdict: Entailment
    item: int | None = None


@dataclass(frozen=True)
class Culprit:
    """Words that are not in the picture; ``cost`` (0..1) is the entailment that they take away."""

    text: str
    start: int
    end: int
    cost: float


@dataclass(frozen=True)
class Regions:
    """Where in the picture the evidence for the text lies: ``values`` float32 (rows, columns), 0 to 1.

    0 is where covering the picture costs the text nothing, 1 where it costs most.
    """

    values: NDArray[np.float32]

    @property
    def rows(self) -> int:
        """Cells from top to bottom."""
        return int(self.values.shape[0])

    @property
    def columns(self) -> int:
        """Cells from left to right."""
        return int(self.values.shape[1])


@dataclass(frozen=True)
class Explanation:
    """The verdict on the whole text and on its parts; ``culprits`` worst first, empty where the text is entailed."""

    text: str
    verdict: Entailment
    parts: tuple[Part, ...]
    culprits: tuple[Culprit, ...] = ()
    regions: Regions | None = None
