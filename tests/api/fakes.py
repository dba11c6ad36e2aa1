"""An engine whose slowness and failures can be arranged; its pictures and files are real."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rerank.deadline import Deadline
from rerank.errors import ImageError
from rerank.explain import Explanation, explaining
from rerank.images import load_image
from rerank.turns import Turns, Work
from rerank.types import Candidate, Entailment, ImageSource, ImageTokens, Pair, RankedCandidate, Ranking
from retrieval.errors import ImageNotFound
from retrieval.events import Found, Watch
from retrieval.types import CollectionInfo, EncoderRecord, Hit, ImageRecord, SearchResult, Timings

VERDICT = (0.7, 0.2, 0.1)


class FakeShelf:
    """The files of a folder by content id."""

    def __init__(self, folder: Path) -> None:
        self.paths: dict[str, Path] = {}
        self._bytes: dict[str, int] = {}
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            content = path.read_bytes()
            image_id = "img_" + hashlib.sha256(content).hexdigest()[:20]
            self.paths[image_id], self._bytes[image_id] = path, len(content)

    def image(self, image_id: str) -> ImageRecord:
        path = self.file(image_id)
        kind = {".png": "PNG", ".tif": "TIFF"}.get(path.suffix, "JPEG")
        return ImageRecord(image_id, (str(path),), 64, 48, kind, self._bytes[image_id])

    def file(self, image_id: str) -> Path:
        if image_id not in self.paths:
            raise ImageNotFound(f"{image_id}: no such image in the collection")
        return self.paths[image_id]

    def rerank_tokens(self, ids: Sequence[str], fingerprint: str) -> dict[str, NDArray[np.float16]]:
        return {}


class FakeJudge:
    """Gives every pair the same verdict; ``late`` candidates of a ranking are not reached in time."""

    name = "fake"
    image_size = 64

    def __init__(self) -> None:
        self.late = 0
        self.ranked: list[Candidate] = []
        self.deadlines: list[float | None] = []

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        return np.tile(np.array(VERDICT, np.float32), (len(pairs), 1))

    @property
    def image_fingerprint(self) -> str:
        return "fake"

    def encode_turns(self, images: Sequence[ImageSource]) -> Turns[list[ImageTokens | ImageError]]:
        yield from ()
        return [ImageTokens(np.zeros((49, 8), np.float16), self.image_fingerprint) for _ in images]

    def explain_turns(
        self, image: ImageSource, text: str, premise: str | None, *, regions: bool, deadline_ms: float | None
    ) -> Turns[Explanation]:
        return explaining(self, image, text, premise, regions=regions)

    def score_turns(
        self, pairs: Sequence[Pair], *, deadline_ms: float | None = None, tokens: Sequence[ImageTokens] = ()
    ) -> Turns[list[NDArray[np.float32] | Exception]]:
        return list((yield Work("pairs", self.score, pairs, 8, Deadline(deadline_ms))))

    def rank_turns(
        self, query: str, candidates: Sequence[Candidate], *, deadline_ms: float | None = None
    ) -> Turns[Ranking]:
        yield from ()
        return self.rank(query, candidates, deadline_ms=deadline_ms)

    def rank(self, query: str, candidates: Sequence[Candidate], *, deadline_ms: float | None = None) -> Ranking:
        self.ranked = list(candidates)
        self.deadlines.append(deadline_ms)
        reached = len(candidates) - self.late
        ranked = [self._judged(index, one, index < reached) for index, one in enumerate(candidates)]
        return Ranking(sorted(ranked, key=lambda one: (one.verdict is None, one.index)))

    def _judged(self, index: int, one: Candidate, reached: bool) -> RankedCandidate:
        try:
            load_image(one.image)
        except ImageError as error:
            return RankedCandidate(one.id, index, None, error=str(error))
        return RankedCandidate(one.id, index, Entailment(*VERDICT) if reached else None)


@dataclass
class FakeEngine:
    """Finds the folder's files in order; ``gate`` holds searches back, ``fail`` is raised by them."""

    collection: FakeShelf
    reranker: FakeJudge | None = field(default_factory=FakeJudge)
    gate: threading.Event = field(default_factory=threading.Event)
    fail: Callable[[], Exception] | None = None
    fail_after_found: Callable[[], Exception] | None = None
    searches: list[str] = field(default_factory=list)
    deadlines: list[float | None] = field(default_factory=list)
    closed: bool = False

    def search_turns(self, query: str, *, watch: Watch | None = None, **options: Any) -> Turns[SearchResult]:
        yield from ()
        result = self.search(query, **options)
        if watch is not None:
            watch(Found(result.hits, result.collection))
        if self.fail_after_found is not None:
            raise self.fail_after_found()
        return result

    def search(
        self,
        query: str,
        *,
        top_k: int = 10,
        candidates: int = 100,
        rerank: bool = True,
        min_entailment: float = 0.0,
        fusion_weight: float | None = None,
        deadline_ms: float | None = None,
        min_generation: int | None = None,
        **others: object,
    ) -> SearchResult:
        self.searches.append(query)
        self.deadlines.append(deadline_ms)
        if query == "slow":
            assert self.gate.wait(30)
        if self.fail is not None:
            raise self.fail()
        hits = []
        for image_id in list(self.collection.paths)[:top_k]:
            verdict = Entailment(*VERDICT)
            scores = (*VERDICT, verdict.label) if rerank else (None, None, None, None)
            hits.append(Hit(image_id, str(self.collection.file(image_id)), 0.5, 0.3, 64, 48, *scores))
        return SearchResult(query, tuple(hits), rerank, self.info(), Timings(1.0, 2.0, 3.0, 6.0))

    def info(self) -> CollectionInfo:
        encoder = EncoderRecord("fake", 8, "0" * 16)
        return CollectionInfo("pictures", len(self.collection.paths), 1, encoder, "exact", ("/pictures",), 1000)

    def refresh(self, *, indexes: bool = True) -> bool:
        return False

    def close(self) -> None:
        self.closed = True
