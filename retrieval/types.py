"""The values that retrieval hands out, and the two protocols it stands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rerank.types import Label

Vectors = NDArray[np.float32]


class Encoder(Protocol):
    """Images and texts to unit-norm vectors of one space."""

    @property
    def name(self) -> str:
        """How to load it again: ``bundled``, an open_clip ``NAME/TAG``, ``hf-hub:…``, ``local-dir:…``."""
        ...

    @property
    def dimension(self) -> int: ...

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and the preprocessing: equal fingerprints give equal embeddings."""
        ...

    @property
    def similarity_scale(self) -> float:
        """What its cosines are multiplied by in training (CLIP's ``logit_scale``)."""
        ...

    @property
    def image_size(self) -> int:
        """The side in pixels that it looks at; decoding needs no more."""
        ...

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """RGB images to float32 (n, dimension), each row of length 1."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts to float32 (n, dimension), each row of length 1."""
        ...


@dataclass(frozen=True)
class EncoderRecord:
    """What a collection remembers of its encoder."""

    name: str
    dimension: int
    fingerprint: str


@dataclass(frozen=True)
class ImageRecord:
    """One image of a collection; ``paths`` are every place where its bytes were found, first seen first."""

    id: str
    paths: tuple[str, ...]
    width: int
    height: int
    format: str
    bytes: int
    caption: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file or folder that could not be taken in.

    Where ``reader`` says what could not read it, it is not worth another try while ``size`` and ``mtime_ns`` are these.
    """

    path: bytes
    reason: str
    size: int | None = None
    mtime_ns: int | None = None
    reader: str | None = None


@dataclass(frozen=True)
class CollectionInfo:
    """What is in a collection at one generation; ``index`` says in words how it is searched."""

    name: str
    images: int
    generation: int
    encoder: EncoderRecord
    index: str
    roots: tuple[str, ...]
    bytes: int


@dataclass(frozen=True)
class TokenSet:
    """Image tokens kept for one reranker: of how many images, and their bytes on disk."""

    fingerprint: str
    images: int
    bytes: int


@dataclass(frozen=True)
class Neighbour:
    """An image and its CLIP cosine with the query, -1..1."""

    id: str
    similarity: float


@dataclass(frozen=True)
class Hit:
    """One search result. The three probabilities and the label are None when it was not reranked.

    ``negative_entailment`` is the probability that it entails the negative text, where one was given.
    ``duplicates`` are ids of images that look the same, where that was asked for.
    """

    id: str
    path: str
    score: float
    similarity: float
    width: int
    height: int
    entailment: float | None = None
    neutral: float | None = None
    contradiction: float | None = None
    label: Label | None = None
    caption: str | None = None
    negative_entailment: float | None = None
    duplicates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Timings:
    """Milliseconds that each stage took."""

    encode: float
    retrieve: float
    rerank: float
    total: float


@dataclass(frozen=True)
class SearchResult:
    """Hits by falling score, those that were not judged behind the judged ones.

    ``degraded`` says why reranking was skipped or cut short, where it was. ``next_cursor`` leads to the hits
    that follow, None when there are no more.
    """

    query: str
    hits: tuple[Hit, ...]
    reranked: bool
    collection: CollectionInfo
    took_ms: Timings
    degraded: str | None = None
    next_cursor: str | None = None
