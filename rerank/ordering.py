"""From scores to a ranking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rerank.errors import InputError
from rerank.fusion import Fusion
from rerank.scoring import Scores
from rerank.types import Candidate, Entailment, RankedCandidate, Ranking


@dataclass(frozen=True)
class Ordering:
    """How judged candidates are ordered and cut."""

    top_k: int | None
    fusion_weight: float
    similarity_scale: float

    def __post_init__(self) -> None:
        if self.top_k is not None and self.top_k < 1:
            raise InputError(f"top_k must be at least 1, not {self.top_k}")
        if not 0.0 <= self.fusion_weight <= 1.0:
            raise InputError(f"fusion_weight must be between 0 and 1, not {self.fusion_weight}")
        if not 0.0 < self.similarity_scale < float("inf"):
            raise InputError(f"similarity_scale must be above 0, not {self.similarity_scale}")

    def apply(self, candidates: Sequence[Candidate], scores: Scores) -> Ranking:
        """Judged candidates by score, then those not reached in stage one's order, then the unreadable."""
        ranked = self.judged(candidates, scores, range(len(candidates)))
        ranked.sort(key=_place)
        return Ranking(ranked[: self.top_k], _degraded(scores))

    def judged(self, candidates: Sequence[Candidate], scores: Scores, indices: Sequence[int]) -> list[RankedCandidate]:
        """Those of ``candidates`` at ``indices``, as they come, with their verdicts as far as there are any."""
        fusion = Fusion(self.fusion_weight, [one.similarity for one in candidates], self.similarity_scale)
        ranked = []
        for index in indices:
            one, error = candidates[index], scores.errors.get(index)
            if scores.judged[index]:
                verdict = Entailment(*scores.probabilities[index].tolist())
                score = fusion.score(verdict.entailment, one.similarity)
                ranked.append(RankedCandidate(one.id, index, verdict, one.similarity, None, score))
            else:
                reason = None if error is None else str(error)
                ranked.append(RankedCandidate(one.id, index, None, one.similarity, reason))
        return ranked


def _place(one: RankedCandidate) -> tuple[int, float, float, int]:
    similarity = -(one.similarity or 0.0)
    if one.score is not None:
        # One image scored twice may differ in the last bits; that is a tie all the same.
        return 0, -float(f"{one.score:.5g}"), similarity, one.index
    # Not reached in time: stage one's order stands. Unreadable: last.
    return (1, 0.0, similarity, one.index) if one.error is None else (2, 0.0, similarity, one.index)


def _degraded(scores: Scores) -> str | None:
    total, failed = len(scores.judged), len(scores.errors)
    late = total - int(scores.judged.sum()) - failed
    parts = []
    if late:
        parts.append(f"the deadline came before {late} of {total} candidates were judged; they keep stage one's order")
    if failed:
        parts.append(f"{failed} of {total} candidates could not be read and come last")
    return "; ".join(parts) or None
