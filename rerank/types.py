"""The values that go in and out of the rerank stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Label = Literal["entailment", "neutral", "contradiction"]
LABELS: tuple[Label, Label, Label] = ("entailment", "neutral", "contradiction")

ImageSource = Image.Image | NDArray[Any] | bytes | str | PathLike[str]
Pair = tuple[ImageSource, str] | tuple[ImageSource, str, str | None]


@dataclass(frozen=True)
class Entailment:
    """Probabilities that an image entails, leaves open, or contradicts a text; they sum to 1."""

    entailment: float
    neutral: float
    contradiction: float

    @property
    def label(self) -> Label:
        """The most probable of the three; on a tie the earlier of entailment, neutral, contradiction."""
        return LABELS[int(np.argmax([self.entailment, self.neutral, self.contradiction]))]


@dataclass(frozen=True)
class Candidate:
    """One image to be judged against a query, as stage one hands it over.

    ``caption`` is the premise that goes with the image, ``similarity`` stage one's cosine (-1..1).
    """

    id: str
    image: ImageSource
    caption: str | None = None
    similarity: float | None = None


@dataclass(frozen=True)
class RankedCandidate:
    """A candidate with its verdict; ``verdict`` is None when it could not be judged, ``error`` says why."""

    id: str
    index: int
    verdict: Entailment | None
    similarity: float | None = None
    error: str | None = None


class Reranker(Protocol):
    """What the search engine needs of a rerank stage."""

    @property
    def name(self) -> str: ...

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Probabilities of shape (n, 3) in the order of ``LABELS``."""
        ...

    def rank(self, query: str, candidates: Sequence[Candidate], top_k: int | None = None) -> list[RankedCandidate]: ...
