"""The report of an evaluation: every metric before and after reranking, by data set, with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rerank.bootstrap import CONFIDENCE, RESAMPLES, Estimate, Floats
from rerank.errors import InputError
from retrieval.engine import MAX_CANDIDATES, SearchEngine
from retrieval.evaluation.asking import Outcome, Progress, outcomes
from retrieval.evaluation.bootstrap import estimates
from retrieval.evaluation.judgements import Judgements, LeftOut
from retrieval.evaluation.metrics import METRICS


@dataclass(frozen=True)
class Conditions:
    """What was evaluated, and how; ``reranker`` and ``fusion_weight`` are None for similarity alone."""

    collection: str
    images: int
    generation: int
    encoder: str
    reranker: str | None
    fusion_weight: float | None
    candidates: int
    resamples: int
    seed: int
    confidence: float = CONFIDENCE


@dataclass(frozen=True)
class Comparison:
    """One metric by similarity alone, reranked, and by how much it rose; the last two None without reranking."""

    similarity: Estimate
    reranked: Estimate | None = None
    difference: Estimate | None = None

    @property
    def final(self) -> Estimate:
        """The figure of the order that a search would return."""
        return self.reranked or self.similarity


@dataclass(frozen=True)
class Moves:
    """At how many queries reranking moved the first right image up, down, or not at all."""

    earlier: int
    later: int
    same: int


@dataclass(frozen=True)
class SetReport:
    """The figures of one data set, metrics by their keys in ``METRICS``.

    ``relevant`` is how many images answer a query on average; ``missed`` at how many queries no right image
    was among the candidates, so that no reranking could have found one.
    """

    name: str
    queries: int
    left_out: int
    relevant: float
    missed: int
    metrics: dict[str, Comparison]
    moves: Moves | None


@dataclass(frozen=True)
class Report:
    """An evaluation: ``overall`` is over all queries of all ``sets``; ``degraded`` counts queries by what went wrong.

    ``quoted`` is at how many queries the reranker has read the query itself as the caption of a right image.
    """

    conditions: Conditions
    judgements: Judgements
    sets: tuple[SetReport, ...]
    overall: SetReport
    outcomes: tuple[Outcome, ...]
    degraded: dict[str, int]
    quoted: int

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        judged = self.judgements
        return {
            "conditions": asdict(self.conditions),
            "overall": asdict(self.overall),
            "sets": [asdict(one) for one in self.sets],
            "rows": judged.rows,
            "drawn_from": judged.drawn_from,
            "problems": [asdict(problem) for problem in judged.problems],
            "left_out": [{"set": query.data_set, "query": query.text} for query in judged.left_out],
            "degraded": self.degraded,
            "quoted": self.quoted,
            "queries": [_outcome(outcome) for outcome in self.outcomes],
        }


def evaluate(
    engine: SearchEngine,
    judgements: Judgements,
    *,
    candidates: int = 100,
    rerank: bool = True,
    fusion_weight: float | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Ask the engine every query, and compare the order by similarity with the reranked one.

    Args:
        candidates: how many images are looked at: a right image behind them counts as not found.
        rerank: False, or an engine without a reranker, measures similarity alone.
        fusion_weight: as in ``SearchEngine.search``.
        resamples, seed: of the bootstrap.
        progress: called with (asked, queries).

    Raises:
        InputError: there are no queries, or an argument is out of range.
    """
    if not judgements.queries:
        raise InputError("there are no queries to evaluate")
    if not 1 <= candidates <= MAX_CANDIDATES:
        raise InputError(f"candidates must be between 1 and {MAX_CANDIDATES}, not {candidates}")
    rerank = rerank and engine.reranker is not None
    found = outcomes(
        engine,
        judgements.queries,
        candidates=candidates,
        rerank=rerank,
        fusion_weight=fusion_weight,
        progress=progress,
    )
    conditions = _conditions(engine, rerank, fusion_weight, candidates, resamples, seed)
    return _report(conditions, judgements, list(found))


def _conditions(
    engine: SearchEngine, rerank: bool, fusion_weight: float | None, candidates: int, resamples: int, seed: int
) -> Conditions:
    reranker, weight = None, None
    if rerank and engine.reranker is not None:
        chosen = engine.fusion_weight if fusion_weight is None else fusion_weight
        reranker, weight = engine.reranker.name, engine.reranker.fusion_weight if chosen is None else chosen
    info = engine.info()
    return Conditions(
        info.name,
        info.images,
        info.generation,
        info.encoder.name,
        reranker,
        weight,
        candidates,
        resamples,
        seed,
    )


def _report(conditions: Conditions, judgements: Judgements, found: Sequence[Outcome]) -> Report:
    parts: dict[str, list[Outcome]] = {}
    for outcome in found:
        parts.setdefault(outcome.query.data_set, []).append(outcome)
    degraded: dict[str, int] = {}
    for outcome in found:
        if outcome.degraded is not None:
            degraded[outcome.degraded] = degraded.get(outcome.degraded, 0) + 1
    sets = tuple(_set_report(name, part, judgements.left_out, conditions) for name, part in parts.items())
    return Report(
        conditions,
        judgements,
        sets,
        _set_report("all", found, judgements.left_out, conditions, everything=True),
        tuple(found),
        degraded,
        sum(outcome.quoted for outcome in found),
    )


def _set_report(
    name: str,
    found: Sequence[Outcome],
    left_out: Iterable[LeftOut],
    conditions: Conditions,
    *,
    everything: bool = False,
) -> SetReport:
    return SetReport(
        name,
        len(found),
        sum(everything or query.data_set == name for query in left_out),
        float(np.mean([len(outcome.query.relevance) for outcome in found])),
        sum(outcome.rank_by_similarity is None for outcome in found),
        _comparisons(found, conditions),
        None if conditions.reranker is None else _moves(found),
    )


def _comparisons(found: Sequence[Outcome], conditions: Conditions) -> dict[str, Comparison]:
    before: Floats = np.array([outcome.similarity for outcome in found])
    if conditions.reranker is None:
        values = before
    else:
        after: Floats = np.array([outcome.reranked for outcome in found])
        values = np.concatenate([before, after, after - before], axis=1)
    columns = estimates(values, resamples=conditions.resamples, seed=conditions.seed)
    # Metric by metric: the columns of similarity, then those reranked, then the differences.
    step = len(METRICS)
    return {key: Comparison(*columns[place::step]) for place, key in enumerate(METRICS)}


def _moves(found: Sequence[Outcome]) -> Moves:
    never = float("inf")
    pairs = [(outcome.rank_by_similarity or never, outcome.rank_reranked or never) for outcome in found]
    earlier, later = sum(after < before for before, after in pairs), sum(after > before for before, after in pairs)
    return Moves(earlier, later, len(pairs) - earlier - later)


def _outcome(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {
        "set": outcome.query.data_set,
        "query": outcome.query.text,
        "relevant": len(outcome.query.relevance),
        "rank_by_similarity": outcome.rank_by_similarity,
        "rank_reranked": outcome.rank_reranked,
        "ndcg@10_by_similarity": round(outcome.similarity[-1], 6),
    }
    found["ndcg@10_reranked"] = None if outcome.reranked is None else round(outcome.reranked[-1], 6)
    return found
