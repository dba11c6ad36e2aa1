"""The engine as the web sees it: loaded in the background, asked through one worker."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from api.worker import QueueFull, Worker, WorkerClosed
from rerank.types import Candidate, Entailment, Pair, Ranking
from retrieval.errors import EncoderChanged
from retrieval.types import CollectionInfo, ImageRecord, SearchResult

log = logging.getLogger("veralens")
# How often a server that nobody asks looks for what others have committed and published.
REFRESH_SECONDS = 0.5
# How long to wait before a model that could not be loaded is tried again.
RELOAD_SECONDS = 30.0
# A deadline that is certainly over once the query is encoded.
NO_TIME_MS = 0.001
State = Literal["loading", "ready", "failed", "draining"]
Lane = Literal["interactive", "batch"]
T = TypeVar("T")


class NotReady(Exception):
    """The engine cannot answer now; ``retry_after`` is when to ask again, in seconds."""

    def __init__(self, message: str, retry_after: int = 2) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Judge(Protocol):
    """What the service needs of a reranker."""

    name: str

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]: ...

    def rank(self, query: str, candidates: Sequence[Candidate], *, deadline_ms: float | None = None) -> Ranking: ...


class Shelf(Protocol):
    """What the service needs of a collection."""

    def image(self, image_id: str) -> ImageRecord: ...

    def file(self, image_id: str) -> Path: ...


class Engine(Protocol):
    """What the service needs of ``retrieval.SearchEngine``."""

    @property
    def collection(self) -> Shelf: ...

    @property
    def reranker(self) -> Judge | None: ...

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
    ) -> SearchResult: ...

    def info(self) -> CollectionInfo: ...

    def refresh(self, *, indexes: bool = True) -> bool: ...

    def close(self) -> None: ...


class Service:
    """Opens an engine on its worker's thread and passes requests to it."""

    def __init__(self, open_engine: Callable[[], Engine], *, capacity: int = 32) -> None:
        self.state: State = "loading"
        self.failure: BaseException | None = None
        self.worker = Worker(capacity)
        self._open_engine = open_engine
        self._engine: Engine | None = None
        self._stopping = threading.Event()
        self._refresher: threading.Thread | None = None

    def start(self, when_loaded: Callable[[Service], None]) -> None:
        """Begin to load; ``when_loaded`` is called on the worker's thread, loaded or failed."""
        self.worker.submit(self._load).add_done_callback(lambda _: when_loaded(self))

    @property
    def engine(self) -> Engine:
        """The loaded engine.

        Raises:
            NotReady: it is loading, failed to load, or is shutting down.
        """
        if self.state == "ready" and self._engine is not None:
            return self._engine
        if self.state == "failed":
            raise NotReady(f"the engine could not be loaded: {self.failure}", retry_after=60)
        if self.state == "draining":
            raise NotReady("the service is shutting down", retry_after=5)
        raise NotReady("the models are still loading")

    async def search(self, query: str, deadline_ms: float | None = None, **options: object) -> SearchResult:
        """``SearchEngine.search`` on the worker, over the newest committed state of the collection.

        ``deadline_ms`` counts the time in the queue as well; the similarities are given however late it is.
        """
        asked = time.monotonic()
        _ = self.engine  # which says at once if it cannot answer

        def job() -> SearchResult:
            engine = self.engine
            # New commits at once; a new index is loaded aside, by `_keep_fresh`. Re-embedded meanwhile: the old encoder
            # and its embeddings answer until the new one is loaded.
            with suppress(EncoderChanged):
                engine.refresh(indexes=False)
            waited = 1000.0 * (time.monotonic() - asked)
            left = None if deadline_ms is None else max(NO_TIME_MS, deadline_ms - waited)
            return engine.search(query, deadline_ms=left, **options)  # type: ignore[arg-type]

        return await self.worker.run(job)

    async def run(self, job: Callable[[Engine], T], *, lane: Lane = "interactive") -> T:
        """``job`` on the worker, with the engine; batch work waits for what people wait for."""
        _ = self.engine  # which says at once if it cannot answer
        return await self.worker.run(lambda: job(self.engine))

    async def check(self, image: Image.Image, text: str, premise: str | None) -> tuple[Entailment, str]:
        """The verdict on one picture and text, and the name of the model that gave it."""
        reranker = self._reranker()
        scores = await self.worker.run(lambda: self._reranker().score([(image, text, premise)]))
        return Entailment(*scores[0].tolist()), reranker.name

    async def rerank(
        self,
        query: str,
        candidates: Sequence[Candidate],
        top_n: int | None = None,
        deadline_ms: float | None = None,
    ) -> tuple[Ranking, str]:
        """The best ``top_n`` candidates, then every one that was not judged, and the name of the model.

        ``deadline_ms`` counts the time in the queue as well.
        """
        reranker, asked = self._reranker(), time.monotonic()

        def job() -> Ranking:
            left = None if deadline_ms is None else max(0.0, deadline_ms - 1000.0 * (time.monotonic() - asked))
            return self._reranker().rank(query, candidates, deadline_ms=left)

        ranking = await self.worker.run(job)
        judged = [one for one in ranking if one.verdict is not None]
        others = [one for one in ranking if one.verdict is None]
        late = sum(one.error is None for one in others)
        reason = f"the deadline came before {late} of {len(candidates)} pictures were judged" if late else None
        return Ranking([*judged[:top_n], *others], reason), reranker.name

    def drain(self) -> None:
        """Say that the service is going, so that a load balancer looks elsewhere."""
        self.state = "draining"

    def close(self, timeout: float | None = None) -> None:
        """Stop the worker and free the engine."""
        self.drain()
        self._stopping.set()
        if self._refresher is not None:
            self._refresher.join(timeout)
        # A job that outlives its time still holds the models: freeing them under it would crash.
        if self.worker.close(timeout) and self._engine is not None:
            self._engine.close()

    def _reranker(self) -> Judge:
        reranker = self.engine.reranker
        if reranker is None:
            raise NotReady("no reranker is loaded; start the service with --reranker", retry_after=60)
        return reranker

    def _load(self) -> None:
        try:
            engine = self._open_engine()
            _prove(engine)
        except BaseException as error:
            self.failure, self.state = error, "failed"
            return
        self._engine = engine
        if self.state == "loading":
            self.state = "ready"
        self._refresher = threading.Thread(target=self._keep_fresh, name="refresher", daemon=True)
        self._refresher.start()

    def _keep_fresh(self) -> None:
        """Pick up what others commit and publish, beside the searches, until the service stops."""
        trouble = ""
        while not self._stopping.wait(REFRESH_SECONDS):
            try:
                if self._engine is not None:
                    self._engine.refresh()
                trouble = ""
            except EncoderChanged as change:
                log.warning("%s; loading it", change)
                self._replace_engine()
            except Exception as error:
                # Searches meet it, too, and answer with it; the thread must live, since it may pass.
                if str(error) != trouble:
                    trouble = str(error)
                    log.warning("cannot refresh: %s", trouble)

    def _replace_engine(self) -> None:
        """Load the engine anew and let it take over between two jobs."""
        try:
            new = self._open_engine()
            _prove(new)
        except Exception as error:
            log.warning("cannot load the new encoder, the old one goes on: %s", error)
            self._stopping.wait(RELOAD_SECONDS)
            return

        old, self._engine = self._engine, new
        # Behind the jobs that may still use it; where there is no room for this one, it is left to the collector.
        with suppress(WorkerClosed, QueueFull):
            if old is not None:
                self.worker.submit(old.close)


def _prove(engine: Engine) -> None:
    """One real inference of each model: what loads is not yet what runs."""
    engine.search("a picture", top_k=1, candidates=1, rerank=False)
    if engine.reranker is not None:
        scores = engine.reranker.score([(Image.new("RGB", (64, 64), "white"), "a picture")])
        if not np.isfinite(scores).all():
            raise RuntimeError(f"{engine.reranker.name}: the model gives no finite probabilities")
