"""SearchEngine: embed the query, fetch candidates, let the reranker read each, order, cut."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rerank import EntailmentReranker
from rerank.adapters import read_adapter
from rerank.hardware import Precision
from rerank.turns import Turns, finish
from rerank.types import ImageSource
from retrieval.collection import Collection
from retrieval.encoder import load_encoder
from retrieval.errors import CursorError, EncoderMismatch
from retrieval.events import Found, Judged, Watch
from retrieval.hits import hits_from
from retrieval.judging import Terms, candidates_for, judge
from retrieval.paging import Frozen, Rankings
from retrieval.presets import matching_reranker, reranker_of
from retrieval.query_vector import query_vector
from retrieval.question import MAX_CANDIDATES, MAX_QUERY, Progress, Question
from retrieval.ranking import Ranked, by_similarity, checked_only, grouped
from retrieval.types import CollectionInfo, Encoder, Neighbour, SearchResult, Timings

__all__ = ["MAX_CANDIDATES", "MAX_QUERY", "Progress", "SearchEngine"]

# Stands for the query where a cursor comes alone.
ANY_QUERY = "-"


class SearchEngine:
    """A collection with its encoder and a reranker. Thread-safe; a context manager."""

    def __init__(
        self,
        collection: Collection,
        encoder: Encoder,
        reranker: EntailmentReranker | None,
        *,
        fusion_weight: float | None = None,
    ) -> None:
        if encoder.fingerprint != collection.encoder.fingerprint:
            raise EncoderMismatch(
                f"{collection.path}: was built with the encoder {collection.encoder.name!r} "
                f"({collection.encoder.fingerprint[:8]}), not {encoder.name!r} ({encoder.fingerprint[:8]}); "
                f"name the encoder it was built with, or run `veralens reembed -c {collection.path} --encoder NEW`"
            )
        self.collection = collection
        self.encoder = encoder
        self.reranker = reranker
        self.fusion_weight = fusion_weight
        self.rankings = Rankings()

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        encoder: str | None = None,
        reranker: str | None = "auto",
        device: str | None = None,
        precision: Precision = "auto",
        fusion_weight: float | None = None,
        adapter: str | Path | None = None,
    ) -> SearchEngine:
        """Open a collection for searching.

        Args:
            path: the collection's directory.
            encoder: another name for the encoder it was built with, if that has moved.
            reranker: a model as in ``EntailmentReranker.from_pretrained``, a preset's name, "auto" for
                the one that matches the encoder, or None to search by similarity alone.
            device, precision: as for the models.
            fusion_weight: what searches use that name none; None is the reranker's own recommendation.
            adapter: the folder of an adapter that the reranker is loaded with.
        """
        collection = Collection.open(path)
        try:
            loaded = load_encoder(encoder or collection.encoder.name, device=device, precision=precision)
            second = None
            if reranker is not None:
                if reranker == "auto" and adapter is not None:
                    reranker = read_adapter(adapter).base
                name = matching_reranker(collection.encoder.name) if reranker == "auto" else reranker_of(reranker)
                second = EntailmentReranker.from_pretrained(name, device=device, precision=precision, adapter=adapter)
            return cls(collection, loaded, second, fusion_weight=fusion_weight)
        except BaseException:
            collection.close()
            raise

    def search(
        self,
        query: str = "",
        *,
        image: ImageSource | None = None,
        image_weight: float = 0.4,
        negative: str | None = None,
        filter: str | None = None,
        top_k: int = 10,
        candidates: int = 100,
        rerank: bool = True,
        min_entailment: float = 0.0,
        fusion_weight: float | None = None,
        group_duplicates: bool | float = False,
        exact: bool = False,
        deadline_ms: float | None = None,
        min_generation: int | None = None,
        cursor: str | None = None,
        progress: Progress | None = None,
    ) -> SearchResult:
        """Images for ``query``, best first.

        Args:
            image: look for what looks like this: a picture in any form, or the id of one of the collection.
                Without ``query`` there is nothing for the reranker to check: hits are by similarity.
            image_weight: with both, how much of the search vector is the image's, 0 to 1.
            negative: what the picture should not show.
            filter: only images that this expression lets through: see ``retrieval.filters``.
            top_k: how many hits come back at most.
            candidates: how many images stage one hands to the reranker, and how many the pages behind
                ``next_cursor`` hold together; raised to ``top_k`` if lower.
            rerank: whether the reranker reads them; False orders by similarity.
            min_entailment: hits below this probability are left out, and with it above 0 also those that
                could not be judged (only with ``rerank``).
            fusion_weight: how far hits are ordered by entailment, 1, or by similarity, 0: see
                ``rerank.fusion``; None takes the engine's, else the reranker's own recommendation.
            group_duplicates: put hits that look the same as a better one behind it; a number is the cosine
                from which on they do.
            exact: compare with every image, also where the index looks at the likely ones only.
            deadline_ms: what the whole search may take. Candidates that are not judged by then come after
                the judged ones, by similarity, and ``degraded`` says so.
            min_generation: search this state of the collection or a later one: for who has just written to it.
            cursor: ``next_cursor`` of the page before. Nothing is searched again: the order stays what it was.
                The other arguments are those of the first page, or left out; ``top_k`` may differ.
            progress: called with (judged, candidates) while reranking.

        Raises:
            InputError: names the argument that is out of range.
            FilterError, CursorError: say what is wrong with it, and what to do.
            ImageError, ImageNotFound: the image cannot be read; there is none of that id.
            GenerationNotReached: ``min_generation`` has not been committed yet.
        """
        watch = None if progress is None else _counting(progress)
        return finish(
            self.search_turns(
                query,
                image=image,
                image_weight=image_weight,
                negative=negative,
                filter=filter,
                top_k=top_k,
                candidates=candidates,
                rerank=rerank,
                min_entailment=min_entailment,
                fusion_weight=fusion_weight,
                group_duplicates=group_duplicates,
                exact=exact,
                deadline_ms=deadline_ms,
                min_generation=min_generation,
                cursor=cursor,
                watch=watch,
            )
        )

    def search_turns(
        self,
        query: str = "",
        *,
        image: ImageSource | None = None,
        min_generation: int | None = None,
        cursor: str | None = None,
        watch: Watch | None = None,
        **fields: Any,
    ) -> Turns[SearchResult]:
        """``search`` in turns (see ``rerank.turns``), with the same arguments; ``watch`` is told how it goes on."""
        start = time.perf_counter()
        asked = query if cursor is None or query or image is not None else ANY_QUERY
        question = Question(query=asked, image=image, **fields)
        if min_generation is not None:
            self.collection.wait_for(min_generation, timeout=0.0)
        if cursor is not None:
            return self._turn(question, cursor, start, watch)
        return (yield from self._answer(question, start, watch))

    def info(self) -> CollectionInfo:
        """What is in the collection now."""
        return self.collection.info()

    def refresh(self, *, indexes: bool = True) -> bool:
        """Pick up what other processes have committed: see ``Collection.refresh``."""
        return self.collection.refresh(indexes=indexes)

    def close(self) -> None:
        """Free the collection and the reranker."""
        self.collection.close()
        if self.reranker is not None:
            self.reranker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, question: Question, start: float, watch: Watch | None) -> Turns[SearchResult]:
        vector = yield from query_vector(question, self.encoder, self.collection)
        encoded = time.perf_counter()
        neighbours = self.collection.search(vector, question.breadth, where=question.where, exact=question.exact)
        retrieved = time.perf_counter()
        if watch is not None:
            plain = by_similarity(neighbours, None)
            watch(Found(hits_from(plain, 0, len(plain.places), self.collection.images)[0], self.info()))
        ranked = yield from self._ranked(question, neighbours, start, watch)
        if question.rerank and question.min_entailment > 0.0:
            ranked = checked_only(ranked, question.min_entailment)
        if question.threshold is not None:
            ranked = grouped(ranked, question.threshold, self.collection.vectors)
        frozen = Frozen(question.identity(), question.query, ranked)
        hits, offset = hits_from(ranked, 0, question.top_k, self.collection.images)
        # What one page holds needs no keeping.
        cursor = self.rankings.cursor(self.rankings.keep(frozen), offset) if offset < len(ranked.places) else None
        end = time.perf_counter()
        took = _timings(encoded - start, retrieved - encoded, end - retrieved, end - start)
        return SearchResult(question.query, hits, ranked.reranked, self.info(), took, ranked.degraded, cursor)

    def _turn(self, question: Question, cursor: str, start: float, watch: Watch | None) -> SearchResult:
        """The page that a cursor leads to."""
        mark = self.rankings.open(cursor)
        frozen = mark.frozen
        if question.query != ANY_QUERY and question.identity() != frozen.question:
            raise CursorError(
                "cursor: belongs to another search; send the fields that the first page was asked with, or the cursor "
                "alone, or begin again without a cursor"
            )
        hits, offset = hits_from(frozen.ranked, mark.offset, question.top_k, self.collection.images)
        if watch is not None:
            watch(Found(hits, self.info()))
        following = self.rankings.cursor(mark.key, offset) if offset < len(frozen.ranked.places) else None
        end = time.perf_counter()
        took, ranked = _timings(0.0, end - start, 0.0, end - start), frozen.ranked
        return SearchResult(frozen.query, hits, ranked.reranked, self.info(), took, ranked.degraded, following)

    def _ranked(
        self, question: Question, neighbours: Sequence[Neighbour], start: float, watch: Watch | None
    ) -> Turns[Ranked]:
        if not question.rerank:
            return by_similarity(neighbours, None)
        if self.reranker is None:
            return by_similarity(neighbours, "no reranker is loaded")
        if not question.query.strip():
            return by_similarity(
                neighbours, "an image alone says nothing that could be checked; hits are by similarity"
            )
        chosen = self.fusion_weight if question.fusion_weight is None else question.fusion_weight
        weight = self.reranker.fusion_weight if chosen is None else chosen
        until = None if question.deadline_ms is None else start + question.deadline_ms / 1000.0
        terms = Terms(question.query, question.negative, weight, self.encoder.similarity_scale, until)
        records = self.collection.images([one.id for one in neighbours])
        known = [one for one in neighbours if one.id in records]
        self.collection.confirm_gone([one.id for one in neighbours if one.id not in records])
        candidates = candidates_for(self.reranker, self.collection, known, records)
        left = terms.left()
        if left is not None and left <= 0.0:
            late = "the deadline came before any candidate was judged; hits are by similarity"
            return by_similarity(neighbours, late)
        return (yield from judge(self.reranker, candidates, terms, watch))


def _timings(*seconds: float) -> Timings:
    return Timings(*(round(1000.0 * one, 3) for one in seconds))


def _counting(progress: Progress) -> Watch:
    def count(event: Found | Judged) -> None:
        if isinstance(event, Judged):
            progress(event.judged, event.of)

    return count
