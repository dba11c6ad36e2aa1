"""SearchEngine: embed the query, fetch candidates, let the reranker read each, order, cut."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rerank import Candidate, EntailmentReranker, ImageTokens, Ranking
from rerank.errors import InputError
from rerank.hardware import Precision
from retrieval.collection import Collection
from retrieval.encoder import load_encoder
from retrieval.errors import EncoderMismatch
from retrieval.hits import checked_only, hit_of, unjudged
from retrieval.presets import matching_reranker, reranker_of
from retrieval.types import CollectionInfo, Encoder, ImageRecord, Neighbour, SearchResult, Timings

Progress = Callable[[int, int], None]
MAX_CANDIDATES = 10_000
MAX_QUERY = 2_000
# Kept image tokens held for one search: 1.8 MB a candidate for a large reranker. The candidates beyond are read.
MOST_TOKEN_BYTES = 2**30
# Stands in for a picture whose file is gone, so that the reranker names it among those that it cannot read.
NO_IMAGE = b""


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
                "name the encoder it was built with, or index the folder into a new collection"
            )
        self.collection = collection
        self.encoder = encoder
        self.reranker = reranker
        self.fusion_weight = fusion_weight

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
    ) -> SearchEngine:
        """Open a collection for searching.

        Args:
            path: the collection's directory.
            encoder: another name for the encoder it was built with, if that has moved.
            reranker: a model as in ``EntailmentReranker.from_pretrained``, a preset's name, "auto" for
                the one that matches the encoder, or None to search by similarity alone.
            device, precision: as for the models.
            fusion_weight: what searches use that name none; None is the reranker's own recommendation.
        """
        collection = Collection.open(path)
        try:
            loaded = load_encoder(encoder or collection.encoder.name, device=device, precision=precision)
            second = None
            if reranker is not None:
                name = matching_reranker(collection.encoder.name) if reranker == "auto" else reranker_of(reranker)
                second = EntailmentReranker.from_pretrained(name, device=device, precision=precision)
            return cls(collection, loaded, second, fusion_weight=fusion_weight)
        except BaseException:
            collection.close()
            raise

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
        progress: Progress | None = None,
    ) -> SearchResult:
        """Images for ``query``, best first.

        Args:
            top_k: how many hits come back at most.
            candidates: how many images stage one hands to the reranker; raised to ``top_k`` if lower.
            rerank: whether the reranker reads them; False orders by similarity.
            min_entailment: hits below this probability are left out, and with it above 0 also those that
                could not be judged (only with ``rerank``).
            fusion_weight: how far hits are ordered by entailment, 1, or by similarity, 0: see
                ``rerank.fusion``; None takes the engine's, else the reranker's own recommendation.
            deadline_ms: what the whole search may take. Candidates that are not judged by then come after
                the judged ones, by similarity, and ``degraded`` says so.
            progress: called with (judged, candidates) while reranking.

        Raises:
            InputError: names the argument that is out of range.
        """
        _check(query, top_k, candidates, min_entailment, fusion_weight, deadline_ms)
        start = time.perf_counter()
        vector = self.encoder.encode_texts([query])[0]
        encoded = time.perf_counter()
        neighbours = self.collection.search(vector, max(top_k, candidates) if rerank else top_k)
        records = self.collection.images([neighbour.id for neighbour in neighbours])
        neighbours = [neighbour for neighbour in neighbours if neighbour.id in records]
        retrieved = time.perf_counter()
        if rerank:
            until = None if deadline_ms is None else start + deadline_ms / 1000.0
            ranking = self._ranking(query, neighbours, records, fusion_weight, until, progress)
            reranked = self.reranker is not None and (not ranking or any(one.verdict for one in ranking))
        else:
            ranking, reranked = unjudged(neighbours, None), False
        hits, degraded = [hit_of(records[one.id], one) for one in ranking], ranking.degraded
        if rerank and min_entailment > 0.0:
            hits, degraded = checked_only(hits, min_entailment, degraded)
        end = time.perf_counter()
        times = (encoded - start, retrieved - encoded, end - retrieved, end - start)
        took = Timings(*(round(seconds * 1000, 3) for seconds in times))
        return SearchResult(query, tuple(hits[:top_k]), reranked, self.info(), took, degraded)

    def info(self) -> CollectionInfo:
        """What is in the collection now."""
        return self.collection.info()

    def refresh(self) -> bool:
        """Pick up what other processes have committed; True when something had changed."""
        return self.collection.refresh()

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

    def _ranking(
        self,
        query: str,
        neighbours: Sequence[Neighbour],
        records: dict[str, ImageRecord],
        fusion_weight: float | None,
        until: float | None,
        progress: Progress | None,
    ) -> Ranking:
        """The neighbours as the reranker orders them; ``until`` is when to stop, on the clock of ``perf_counter``."""
        if self.reranker is None:
            return unjudged(neighbours, "no reranker is loaded")
        chosen = self.fusion_weight if fusion_weight is None else fusion_weight
        weight = self.reranker.fusion_weight if chosen is None else chosen
        candidates = self._candidates(self.reranker, neighbours, records)
        left = None if until is None else (until - time.perf_counter()) * 1000.0
        if left is not None and left <= 0.0:
            return unjudged(neighbours, "the deadline came before any candidate was judged; hits are by similarity")
        return self.reranker.rank(
            query,
            candidates,
            fusion_weight=weight,
            similarity_scale=self.encoder.similarity_scale,
            deadline_ms=left,
            progress=progress,
        )

    def _candidates(
        self, reranker: EntailmentReranker, neighbours: Sequence[Neighbour], records: dict[str, ImageRecord]
    ) -> list[Candidate]:
        """Candidates with the image tokens that the collection keeps; without, with their files."""
        ids = [neighbour.id for neighbour in neighbours]
        fingerprint, (cells, width) = reranker.image_fingerprint, reranker.token_shape
        tokens = self.collection.rerank_tokens(ids[: MOST_TOKEN_BYTES // (2 * cells * width)], fingerprint)
        files = self.collection.files([image_id for image_id in ids if image_id not in tokens])
        return [
            Candidate(
                one.id,
                files.get(one.id, NO_IMAGE),
                records[one.id].caption,
                one.similarity,
                ImageTokens(tokens[one.id], fingerprint) if one.id in tokens else None,
            )
            for one in neighbours
        ]


def _check(
    query: str,
    top_k: int,
    candidates: int,
    min_entailment: float,
    fusion_weight: float | None,
    deadline_ms: float | None,
) -> None:
    if not query.strip():
        raise InputError("query is empty; say what the picture should show")
    if len(query) > MAX_QUERY:
        raise InputError(f"query has {len(query)} characters; at most {MAX_QUERY} are read")
    for name, value in (("top_k", top_k), ("candidates", candidates)):
        if not 1 <= value <= MAX_CANDIDATES:
            raise InputError(f"{name} must be between 1 and {MAX_CANDIDATES}, not {value}")
    for name, share in (("min_entailment", min_entailment), ("fusion_weight", fusion_weight)):
        if share is not None and not 0.0 <= share <= 1.0:
            raise InputError(f"{name} must be between 0 and 1, not {share}")
    if deadline_ms is not None and not deadline_ms > 0.0:
        raise InputError(f"deadline_ms must be above 0, not {deadline_ms}")
