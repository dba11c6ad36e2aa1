"""SearchEngine: embed the query, fetch candidates, let the reranker read each, order, cut."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rerank import Candidate, EntailmentReranker, RankedCandidate
from rerank.errors import InputError
from rerank.hardware import Precision
from retrieval.collection import Collection
from retrieval.encoder import load_encoder
from retrieval.errors import EncoderMismatch
from retrieval.presets import matching_reranker, reranker_of
from retrieval.types import CollectionInfo, Encoder, Hit, ImageRecord, Neighbour, SearchResult, Timings

Progress = Callable[[int, int], None]
MAX_CANDIDATES = 10_000
MAX_QUERY = 2_000


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
        progress: Progress | None = None,
    ) -> SearchResult:
        """Images for ``query``, best first.

        Args:
            top_k: how many hits come back at most.
            candidates: how many images stage one hands to the reranker; raised to ``top_k`` if lower.
            rerank: whether the reranker reads them; False orders by similarity.
            min_entailment: hits below this probability are left out (only when reranked).
            fusion_weight: the score is weight · entailment + (1 - weight) · similarity; None takes the
                engine's, else the reranker's own recommendation.
            progress: called with (judged, candidates) while reranking.

        Raises:
            InputError: names the argument that is out of range.
        """
        _check(query, top_k, candidates, min_entailment, fusion_weight)
        start = time.perf_counter()
        vector = self.encoder.encode_texts([query])[0]
        encoded = time.perf_counter()
        neighbours = self.collection.search(vector, max(top_k, candidates) if rerank else top_k)
        records = self.collection.images([neighbour.id for neighbour in neighbours])
        neighbours = [neighbour for neighbour in neighbours if neighbour.id in records]
        retrieved = time.perf_counter()
        degraded = None
        reranked = rerank and self.reranker is not None
        if reranked:
            hits, degraded = self._reranked(query, neighbours, records, fusion_weight, progress)
            hits = [hit for hit in hits if (hit.entailment or 0.0) >= min_entailment]
        else:
            hits = [_hit(records[neighbour.id], neighbour.similarity, None, 0.0) for neighbour in neighbours]
            degraded = "no reranker is loaded" if rerank else None
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

    def _reranked(
        self,
        query: str,
        neighbours: Sequence[Neighbour],
        records: dict[str, ImageRecord],
        fusion_weight: float | None,
        progress: Progress | None,
    ) -> tuple[list[Hit], str | None]:
        assert self.reranker is not None
        chosen = self.fusion_weight if fusion_weight is None else fusion_weight
        weight = self.reranker.fusion_weight if chosen is None else chosen
        files = self.collection.files([neighbour.id for neighbour in neighbours])
        candidates, lost = [], []
        for neighbour in neighbours:
            record = records[neighbour.id]
            if neighbour.id in files:
                candidates.append(Candidate(record.id, files[record.id], record.caption, neighbour.similarity))
            else:
                lost.append(_hit(record, neighbour.similarity, None, 0.0))
        ranked = self.reranker.rank(query, candidates, progress=progress)
        hits = [_hit(records[one.id], one.similarity or 0.0, one, weight) for one in ranked]
        hits.sort(key=lambda hit: (hit.entailment is None, -hit.score, -hit.similarity))
        unread = len(lost) + sum(one.verdict is None for one in ranked)
        degraded = f"{unread} of {len(neighbours)} candidates could not be read and come last" if unread else None
        return hits + lost, degraded


def _hit(record: ImageRecord, similarity: float, ranked: RankedCandidate | None, weight: float) -> Hit:
    path = record.paths[0] if record.paths else ""
    base = Hit(record.id, path, similarity, similarity, record.width, record.height, caption=record.caption)
    if ranked is None or ranked.verdict is None:
        return base
    verdict = ranked.verdict
    return Hit(
        record.id,
        path,
        weight * verdict.entailment + (1.0 - weight) * similarity,
        similarity,
        record.width,
        record.height,
        verdict.entailment,
        verdict.neutral,
        verdict.contradiction,
        verdict.label,
        record.caption,
    )


def _check(query: str, top_k: int, candidates: int, min_entailment: float, fusion_weight: float | None) -> None:
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
