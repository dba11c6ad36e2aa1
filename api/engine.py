"""The engine as the service needs it: ``retrieval.SearchEngine``, or what stands in for it in a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rerank.explain import Explanation
from rerank.turns import Turns, finish
from rerank.types import Candidate, ImageSource, Pair, Ranking
from retrieval.events import Watch
from retrieval.types import CollectionInfo, ImageRecord, SearchResult


class NotReady(Exception):
    """The engine cannot answer now; ``retry_after`` is when to ask again, in seconds."""

    def __init__(self, message: str, retry_after: int = 2) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Judge(Protocol):
    """What the service needs of a reranker."""

    name: str

    @property
    def image_fingerprint(self) -> str: ...

    @property
    def image_size(self) -> int: ...

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]: ...

    def score_turns(
        self, pairs: Sequence[Pair], *, deadline_ms: float | None = None
    ) -> Turns[list[NDArray[np.float32] | Exception]]: ...

    def rank_turns(
        self, query: str, candidates: Sequence[Candidate], *, deadline_ms: float | None = None
    ) -> Turns[Ranking]: ...

    def explain_turns(
        self, image: ImageSource, text: str, premise: str | None, *, regions: bool, deadline_ms: float | None
    ) -> Turns[Explanation]: ...


class Shelf(Protocol):
    """What the service needs of a collection."""

    def image(self, image_id: str) -> ImageRecord: ...

    def file(self, image_id: str) -> Path: ...

    def rerank_tokens(self, ids: Sequence[str], fingerprint: str) -> dict[str, NDArray[np.float16]]: ...


class Engine(Protocol):
    """What the service needs of ``retrieval.SearchEngine``."""

    @property
    def collection(self) -> Shelf: ...

    @property
    def reranker(self) -> Judge | None: ...

    def search_turns(self, query: str, *, watch: Watch | None = None, **options: Any) -> Turns[SearchResult]: ...

    def info(self) -> CollectionInfo: ...

    def refresh(self, *, indexes: bool = True) -> bool: ...

    def close(self) -> None: ...


def prove(engine: Engine) -> None:
    """One real inference of each model: what loads is not yet what runs."""
    finish(engine.search_turns("a picture", top_k=1, candidates=1, rerank=False))
    if engine.reranker is not None:
        scores = engine.reranker.score([(Image.new("RGB", (64, 64), "white"), "a picture")])
        if not np.isfinite(scores).all():
            raise RuntimeError(f"{engine.reranker.name}: the model gives no finite probabilities")
