"""The engine as the web sees it: loaded in the background, asked through one worker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, TypeVar

from api.deadlines import countdown
from api.engine import Engine, Judge, NotReady, Shelf, prove
from api.kept_tokens import with_kept_tokens
from api.lending import Lender
from api.metrics import Metrics
from api.tasks import Lane, Ticket
from api.worker import Worker, one_turn
from rerank.deadline import Deadline
from rerank.explain import Explanation, pairs_judged
from rerank.turns import Late, Turns
from rerank.types import Candidate, Entailment, ImageSource, Ranking
from retrieval.errors import EncoderChanged
from retrieval.events import Watch
from retrieval.types import SearchResult

__all__ = ["Engine", "Judge", "Lane", "NotReady", "Service", "Shelf", "TooLate"]

log = logging.getLogger("veralens")
# How often a server that nobody asks looks for what others have committed and published.
REFRESH_SECONDS = 0.5
# How long to wait before a model that could not be loaded is tried again.
RELOAD_SECONDS = 30.0
State = Literal["loading", "ready", "failed", "draining"]
T = TypeVar("T")


class TooLate(NotReady):
    """The deadline came before there was anything to answer with."""


class Service:
    """Opens an engine on its worker's thread and passes requests to it, which take turns on the models."""

    def __init__(
        self, open_engine: Callable[[], Engine], *, capacity: int = 32, metrics: Metrics | None = None
    ) -> None:
        self.state: State = "loading"
        self.failure: BaseException | None = None
        self.worker = Worker(capacity, metrics=metrics)
        self._open_engine = open_engine
        self._lender = Lender()
        self._stopping = threading.Event()
        self._refresher: threading.Thread | None = None

    def start(self, when_loaded: Callable[[Service], None]) -> None:
        """Begin to load; ``when_loaded`` is called on the worker's thread, loaded or failed."""
        self.worker.submit(self._load, Ticket(kind="load")).add_done_callback(lambda _: when_loaded(self))

    @property
    def engine(self) -> Engine:
        """The loaded engine.

        Raises:
            NotReady: it is loading, failed to load, or is shutting down.
        """
        if self.state == "ready" and self._lender.engine is not None:
            return self._lender.engine
        if self.state == "failed":
            # Why, names what lies on this machine: it is for the log.
            raise NotReady("the engine could not be loaded; the server's log says why", retry_after=60)
        if self.state == "draining":
            raise NotReady("the service is shutting down", retry_after=5)
        raise NotReady("the models are still loading")

    @property
    def judge(self) -> Judge:
        """The reranker.

        Raises:
            NotReady: as ``engine``, or none is loaded.
        """
        return _reranker(self.engine)

    async def search(
        self, query: str, *, deadline_ms: float | None = None, watch: Watch | None = None, **options: Any
    ) -> SearchResult:
        """``SearchEngine.search`` over the newest committed state of the collection.

        ``deadline_ms`` counts the time in the queue as well; the similarities are given however late it is.
        ``watch`` is told on the worker's thread how the search goes on.
        """
        left = countdown(deadline_ms)

        def begin(engine: Engine) -> Turns[SearchResult]:
            # New commits at once; a new index is loaded aside, by `_keep_fresh`. Re-embedded meanwhile: the old encoder
            # and its embeddings answer until the new one is loaded.
            with suppress(EncoderChanged):
                engine.refresh(indexes=False)
            return engine.search_turns(query, deadline_ms=left(), watch=watch, **options)

        judged = (
            bool(options.get("rerank", True)) and options.get("cursor") is None and self.engine.reranker is not None
        )
        candidates = max(options.get("candidates", 100), options.get("top_k", 10))
        size = min(candidates, self.engine.info().images) if judged else 1
        ticket = Ticket(kind="judged search" if judged else "search", size=size, deadline_ms=deadline_ms)
        return await self._ask(begin, ticket)

    async def run(
        self, job: Callable[[Engine], T], *, lane: Lane = "interactive", deadline_ms: float | None = None
    ) -> T:
        """``job`` on the worker, with the engine, in one turn; batch work waits for what people wait for.

        While it runs nobody else is served, so what takes long is better cut into several jobs.

        Raises:
            TooLate: its turn did not come within ``deadline_ms``.
        """
        left = countdown(deadline_ms)
        ticket = Ticket(lane, "job", 1, deadline_ms)
        return await self._ask(lambda engine: one_turn(lambda: job(engine), Deadline(left())), ticket)

    async def check(
        self, image: ImageSource, text: str, premise: str | None, deadline_ms: float | None = None
    ) -> tuple[Entailment, str]:
        """The verdict on one picture and text, and the name of the model that gave it.

        Raises:
            TooLate: its turn did not come within ``deadline_ms``.
        """
        left = countdown(deadline_ms)

        def begin(engine: Engine) -> Turns[tuple[Entailment, str]]:
            reranker = _reranker(engine)
            (row,) = yield from reranker.score_turns([(image, text, premise)], deadline_ms=left())
            if isinstance(row, Exception):
                raise row
            return Entailment(*row.tolist()), reranker.name

        _reranker(self.engine)
        return await self._ask(begin, Ticket(kind="check", deadline_ms=deadline_ms))

    async def explain(
        self,
        image: ImageSource,
        text: str,
        premise: str | None,
        *,
        regions: bool = False,
        deadline_ms: float | None = None,
    ) -> tuple[Explanation, str]:
        """Why the verdict on one picture and text is what it is, and the name of the model that gave it.

        The regions are left out where ``deadline_ms`` does not allow for them.

        Raises:
            TooLate: not all parts were judged within ``deadline_ms``.
        """
        left = countdown(deadline_ms)

        def begin(engine: Engine) -> Turns[tuple[Explanation, str]]:
            reranker = _reranker(engine)
            turns = reranker.explain_turns(image, text, premise, regions=regions, deadline_ms=left())
            return (yield from turns), reranker.name

        _reranker(self.engine)
        size = pairs_judged(text, regions=regions)
        return await self._ask(begin, Ticket(kind="explanation", size=size, deadline_ms=deadline_ms))

    async def rerank(
        self,
        query: str,
        candidates: Sequence[Candidate],
        top_n: int | None = None,
        deadline_ms: float | None = None,
        kept: Mapping[str, str] | None = None,
    ) -> tuple[Ranking, str]:
        """The best ``top_n`` candidates, then every one that was not judged, and the name of the model.

        ``deadline_ms`` counts the time in the queue as well. ``kept`` says which image of the collection a candidate
        is, by their ids: what the collection keeps of it need not be computed.
        """
        left = countdown(deadline_ms)

        def begin(engine: Engine) -> Turns[Ranking]:
            reranker = _reranker(engine)
            chosen = with_kept_tokens(candidates, kept or {}, engine.collection, reranker.image_fingerprint)
            return reranker.rank_turns(query, chosen, deadline_ms=left())

        name = _reranker(self.engine).name
        ticket = Ticket(kind="rerank", size=len(candidates), deadline_ms=deadline_ms)
        ranking = await self._ask(begin, ticket)
        judged = [one for one in ranking if one.verdict is not None]
        others = [one for one in ranking if one.verdict is None]
        late = sum(one.error is None for one in others)
        reason = f"the deadline came before {late} of {len(candidates)} pictures were judged" if late else None
        return Ranking([*judged[:top_n], *others], reason), name

    def drain(self) -> None:
        """Say that the service is going, so that a load balancer looks elsewhere; what was accepted is answered."""
        self.state = "draining"

    def close(self, timeout: float | None = None) -> None:
        """Stop the worker and free the engine."""
        self.drain()
        self._stopping.set()
        if self._refresher is not None:
            self._refresher.join(timeout)
        # A job that outlives its time still holds the models: freeing them under it would crash.
        if self.worker.close(timeout):
            self._lender.replace(None)

    async def _ask(self, begin: Callable[[Engine], Turns[T]], ticket: Ticket) -> T:
        """A computation with the engine, whichever is the newest at its first turn."""
        _ = self.engine  # which says at once if it cannot answer

        def with_engine() -> Turns[T]:
            # Not `self.engine`: what was accepted is answered while the service drains.
            with self._lender.lend() as engine:
                return (yield from begin(engine))

        try:
            return await self.worker.run(with_engine, ticket)
        except Late:
            raise TooLate("the deadline came before its turn; allow more, or try again", retry_after=1) from None

    def _load(self) -> None:
        try:
            engine = self._open_engine()
            prove(engine)
        except BaseException as error:
            self.failure, self.state = error, "failed"
            return
        self._lender.replace(engine)
        if self.state == "loading":
            self.state = "ready"
        self._refresher = threading.Thread(target=self._keep_fresh, name="refresher", daemon=True)
        self._refresher.start()

    def _keep_fresh(self) -> None:
        """Pick up what others commit and publish, beside the searches, until the service stops."""
        trouble = ""
        while not self._stopping.wait(REFRESH_SECONDS):
            try:
                if self._lender.engine is not None:
                    self._lender.engine.refresh()
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
            prove(new)
        except Exception as error:
            log.warning("cannot load the new encoder, the old one goes on: %s", error)
            self._stopping.wait(RELOAD_SECONDS)
            return
        self._lender.replace(new)


def _reranker(engine: Engine) -> Judge:
    if engine.reranker is None:
        raise NotReady("no reranker is loaded; start the service with --reranker", retry_after=60)
    return engine.reranker
