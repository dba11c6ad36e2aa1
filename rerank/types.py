"""The values that go in and out of the rerank stage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
class ImageTokens:
    """An image as one model has encoded it, kept so that it need not be encoded, or even opened, again.

    ``values`` is float16 (cells, d_model); ``fingerprint`` is the model's ``image_fingerprint``.
    """

    values: NDArray[np.float16]
    fingerprint: str


@dataclass(frozen=True)
class Candidate:
    """One image to be judged against a query, as stage one hands it over.

    ``caption`` is the premise that goes with the image, ``similarity`` stage one's cosine (-1..1).
    ``tokens``, from ``EntailmentReranker.encode_images``, stand in for the image where they are the
    model's own; another model's are passed over.
    """

    id: str
    image: ImageSource
    caption: str | None = None
    similarity: float | None = None
    tokens: ImageTokens | None = None


@dataclass(frozen=True)
class RankedCandidate:
    """A candidate with its verdict; ``index`` is its place among the candidates handed in.

    ``score`` is what it is ordered by. ``verdict`` and ``score`` are None when it was not judged: then
    ``error`` says what is wrong with its image, or is None when the deadline came first.
    """

    id: str
    index: int
    verdict: Entailment | None
    similarity: float | None = None
    error: str | None = None
    score: float | None = None


class Ranking(list[RankedCandidate]):
    """Ranked candidates, best first; ``degraded`` says how many were not judged and why, None when all were."""

    def __init__(self, ranked: Iterable[RankedCandidate] = (), degraded: str | None = None) -> None:
        super().__init__(ranked)
        self.degraded = degraded


class Reranker(Protocol):
    """What the search engine needs of a rerank stage."""

    @property
    def name(self) -> str: ...

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Probabilities of shape (n, 3) in the order of ``LABELS``."""
        ...

    def rank(self, query: str, candidates: Sequence[Candidate], top_k: int | None = None) -> Ranking: ...
