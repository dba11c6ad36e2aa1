"""A search as lines of JSON: what stage one found, what the reranker says of it batch by batch, then the answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import asdict
from typing import Any, Literal, Self

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request

from api.clients import unless_gone
from api.errors import answer_to
from api.schemas import Answer, ProblemDocument
from api.search_schemas import CollectionSummary, HitDocument, SearchResponse
from rerank.types import Label
from retrieval.events import Found, Judged, Watch
from retrieval.ranking import Place
from retrieval.types import SearchResult

MEDIA_TYPE = "application/x-ndjson"


class CandidatesLine(Answer):
    """The first line: every candidate by similarity, not judged yet; behind a cursor the hits of its page."""

    type: Literal["candidates"] = "candidates"
    hits: list[HitDocument]
    collection: CollectionSummary

    @classmethod
    def of(cls, found: Found) -> Self:
        """The line of what stage one found."""
        hits = [HitDocument.of(hit) for hit in found.hits]
        return cls(hits=hits, collection=CollectionSummary.of(found.collection))


class ScoredDocument(Answer):
    """One candidate with what is known of it now; the probabilities are null when it cannot be judged."""

    id: str
    score: float
    similarity: float
    entailment: float | None
    neutral: float | None
    contradiction: float | None
    label: Label | None

    @classmethod
    def of(cls, place: Place) -> Self:
        """The document of a place in the order to come."""
        known = cls(
            id=place.id,
            score=place.score,
            similarity=place.similarity,
            entailment=None,
            neutral=None,
            contradiction=None,
            label=None,
        )
        if place.verdict is None:
            return known
        return known.model_copy(update=asdict(place.verdict) | {"label": place.verdict.label})


class ScoredLine(Answer):
    """A batch has been judged: ``judged`` of ``of`` are done; with a negative text each is judged twice."""

    type: Literal["scored"] = "scored"
    hits: list[ScoredDocument]
    judged: int
    of: int

    @classmethod
    def of_batch(cls, batch: Judged) -> Self:
        """The line of one batch."""
        return cls(hits=[ScoredDocument.of(one) for one in batch.places], judged=batch.judged, of=batch.of)


class ResultLine(SearchResponse):
    """The last line: what ``/v1/search`` answers."""

    type: Literal["result"] = "result"


class ErrorLine(ProblemDocument):
    """The last line when the search fails after the first: a problem document whose type is ``error``."""

    type: Literal["error"] = "error"


class SearchStream:
    """One search, begun at once; what it tells on the worker's thread comes out as lines."""

    def __init__(self, request: Request, search: Callable[[Watch], Coroutine[Any, Any, SearchResult]]) -> None:
        self._request = request
        self._events: asyncio.Queue[Found | Judged | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def watch(event: Found | Judged) -> None:
            loop.call_soon_threadsafe(self._events.put_nowait, event)

        self._searching = asyncio.ensure_future(search(watch))
        self._searching.add_done_callback(lambda _: self._events.put_nowait(None))

    async def first(self) -> Found | Judged:
        """What stage one found; a search that fails before raises here, so that its status can be sent."""
        try:
            event = await unless_gone(self._request, self._events.get())
        except BaseException:
            self._searching.cancel()
            raise
        if event is None:
            self._searching.result()
            raise RuntimeError("a search ended without telling what it found")
        return event

    async def lines(self, first: Found | Judged) -> AsyncIterator[bytes]:
        """Every line from the first on; once the client has gone, the search ends with the batch at hand."""
        event: Found | Judged | None = first
        try:
            while event is not None:
                yield _line(CandidatesLine.of(event) if isinstance(event, Found) else ScoredLine.of_batch(event))
                event = await unless_gone(self._request, self._events.get())
            yield self._last()
        except ClientDisconnect:
            return
        finally:
            self._searching.cancel()

    def _last(self) -> bytes:
        try:
            result = self._searching.result()
        except Exception as error:
            fields = json.loads(bytes(answer_to(self._request, error).body))
            return _line(ErrorLine.model_validate(fields | {"type": "error"}))
        return _line(ResultLine.model_validate(dict(SearchResponse.of(result))))


def _line(document: BaseModel) -> bytes:
    return document.model_dump_json().encode() + b"\n"
