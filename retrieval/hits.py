"""From ranked candidates to hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rerank import RankedCandidate, Ranking
from retrieval.types import Hit, ImageRecord, Neighbour


def unjudged(neighbours: Sequence[Neighbour], degraded: str | None) -> Ranking:
    """Neighbours as stage one ordered them; ``degraded`` says why there is no more to it."""
    ranked = [RankedCandidate(one.id, index, None, one.similarity) for index, one in enumerate(neighbours)]
    return Ranking(ranked, degraded)


def checked_only(hits: Sequence[Hit], least: float, degraded: str | None) -> tuple[list[Hit], str | None]:
    """Hits of at least this entailment, and ``degraded`` with how many were left out unchecked."""
    # Who sets a least entailment wants hits that were checked.
    kept = [hit for hit in hits if hit.entailment is not None and hit.entailment >= least]
    unjudged = sum(hit.entailment is None for hit in hits)
    if unjudged:
        parts = [degraded] if degraded else []
        degraded = "; ".join([*parts, f"min_entailment leaves out the {unjudged} that were not judged"])
    return kept, degraded


def hit_of(record: ImageRecord, ranked: RankedCandidate) -> Hit:
    """The hit for a ranked candidate, judged or not."""
    path = record.paths[0] if record.paths else ""
    similarity, verdict = ranked.similarity or 0.0, ranked.verdict
    score = similarity if ranked.score is None else ranked.score
    base = Hit(record.id, path, score, similarity, record.width, record.height, caption=record.caption)
    if verdict is None:
        return base
    return replace(
        base,
        entailment=verdict.entailment,
        neutral=verdict.neutral,
        contradiction=verdict.contradiction,
        label=verdict.label,
    )
