"""What a model makes of labelled pairs: its verdicts, how good they are, and how they compare with another's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rerank.bootstrap import Estimate, Floats
from rerank.errors import ImageError
from rerank.finetune.metrics import (
    ReliabilityBin,
    Significance,
    calibration_error,
    confusion,
    estimates,
    figures,
    grouped_tables,
    interval,
    mcnemar,
    reliability,
    resamples,
)
from rerank.finetune.pairs import LabelledPair, PairTable, Problem
from rerank.reranker import EntailmentReranker
from rerank.types import LABELS, Label

Progress = Callable[[int, int], None]
METRICS = ("accuracy", "f1", *(f"{label}:{name}" for label in LABELS for name in ("precision", "recall", "f1")))


@dataclass(frozen=True)
class Judged:
    """Rows with their probabilities (n, 3), in the table's order; rows whose picture cannot be read apart."""

    pairs: tuple[LabelledPair, ...]
    probabilities: NDArray[np.float32]
    problems: tuple[Problem, ...]

    @property
    def truth(self) -> NDArray[np.int64]:
        """Each row's label as its place in ``LABELS``."""
        return np.array([pair.target for pair in self.pairs], dtype=np.int64)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Each row's verdict likewise."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each verdict is the label."""
        return np.asarray(self.truth == self.predicted)


@dataclass(frozen=True)
class ModelFigures:
    """How good one model's verdicts are."""

    model: str
    metrics: dict[str, Estimate]
    confusion: NDArray[np.int64]
    calibration_error: float
    bins: list[ReliabilityBin]

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "model": self.model,
            "metrics": {name: asdict(one) for name, one in self.metrics.items()},
            "confusion": {"labels": list(LABELS), "rows_are": "labels", "table": self.confusion.tolist()},
            "ece": self.calibration_error,
            "reliability": [asdict(one) for one in self.bins],
        }


@dataclass(frozen=True)
class PairReport:
    """An evaluation: the model, the one it is held against if any, and whether they differ."""

    table: str
    rows: int
    images: int
    model: ModelFigures
    against: ModelFigures | None
    differences: dict[str, Estimate]
    significance: Significance | None
    judged: Judged
    problems: tuple[Problem, ...]

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it; verdicts row by row at its end."""
        return {
            "table": self.table,
            "rows": self.rows,
            "images": self.images,
            **self.model.to_dict(),
            "against": None if self.against is None else self.against.to_dict(),
            "differences": {name: asdict(one) for name, one in self.differences.items()},
            "mcnemar": None if self.significance is None else asdict(self.significance),
            "problems": [{"line": one.line, "reason": one.reason} for one in self.problems],
            "verdicts": [
                _verdict(pair, row) for pair, row in zip(self.judged.pairs, self.judged.probabilities, strict=True)
            ],
        }


def judge(reranker: EntailmentReranker, table: PairTable, progress: Progress | None = None) -> Judged:
    """Every usable row's probabilities; a picture that cannot be read makes problems of its rows alone."""
    pairs = table.pairs
    try:
        found = reranker.score([_asked(pair) for pair in pairs], progress=progress)
        return Judged(pairs, found, table.problems)
    except ImageError:
        pass
    bad = _unreadable(reranker, pairs)
    good = tuple(pair for pair in pairs if pair.image not in bad)
    problems = [Problem(pair.line, str(bad[pair.image])) for pair in pairs if pair.image in bad]
    found = reranker.score([_asked(pair) for pair in good], progress=progress)
    return Judged(good, found, tuple(sorted([*table.problems, *problems], key=lambda one: one.line)))


def measure(model: str, judged: Judged, *, seed: int = 0) -> ModelFigures:
    """The figures of one model's verdicts."""
    bins = reliability(judged.probabilities, judged.truth)
    groups = [pair.image for pair in judged.pairs]
    return ModelFigures(
        model,
        estimates(judged.truth, judged.predicted, groups, seed),
        confusion(judged.truth, judged.predicted),
        calibration_error(bins),
        bins,
    )


def report(
    table: PairTable, model: str, judged: Judged, against: tuple[str, Judged] | None = None, *, seed: int = 0
) -> PairReport:
    """The figures of one model, or of two on the same rows: the second is what was before."""
    differences: dict[str, Estimate] = {}
    significance = None
    if against is not None:
        differences = _differences(judged, against[1], seed)
        significance = mcnemar(against[1].right, judged.right)
    return PairReport(
        str(table.path),
        len(judged.pairs),
        len({pair.image for pair in judged.pairs}),
        measure(model, judged, seed=seed),
        None if against is None else measure(*against, seed=seed),
        differences,
        significance,
        judged,
        judged.problems,
    )


def verdicts(judged: Judged, places: Sequence[int]) -> list[tuple[LabelledPair, Label, float]]:
    """Rows by their places, each with its verdict and how sure of it the model is."""
    rows = [(judged.pairs[place], judged.probabilities[place]) for place in places]
    return [(pair, LABELS[int(row.argmax())], float(row.max())) for pair, row in rows]


def worst(judged: Judged, count: int) -> list[int]:
    """Rows that are wrong, those that the model was surest of first."""
    wrong = np.flatnonzero(~judged.right)
    confidence = judged.probabilities.max(axis=1)[wrong]
    return [int(row) for row in wrong[np.argsort(-confidence, kind="stable")][:count]]


def _differences(after: Judged, before: Judged, seed: int) -> dict[str, Estimate]:
    """What the second model gains in each figure, with intervals over the same resampled pictures."""
    groups = [pair.image for pair in after.pairs]
    tables = [grouped_tables(one.truth, one.predicted, groups) for one in (after, before)]
    weights = resamples(len(tables[0]), seed)
    now, then = (figures(one.sum(axis=0).astype(np.float64)) for one in tables)
    drawn: list[dict[str, Floats]] = [figures(np.tensordot(weights, one, axes=1)) for one in tables]
    return {name: interval(float(now[name] - then[name]), drawn[0][name] - drawn[1][name]) for name in now}


def _asked(pair: LabelledPair) -> tuple[str, str, str | None]:
    return str(pair.image), pair.hypothesis, pair.premise


def _unreadable(reranker: EntailmentReranker, pairs: Sequence[LabelledPair]) -> dict[Any, ImageError]:
    paths = list(dict.fromkeys(pair.image for pair in pairs))
    encoded = reranker.encode_images(paths)
    return {path: one for path, one in zip(paths, encoded, strict=True) if isinstance(one, ImageError)}


def _verdict(pair: LabelledPair, row: NDArray[np.float32]) -> dict[str, Any]:
    return {
        "line": pair.line,
        "image": str(pair.image),
        "premise": pair.premise,
        "hypothesis": pair.hypothesis,
        "label": pair.label,
        "predicted": LABELS[int(row.argmax())],
        **{name: float(value) for name, value in zip(LABELS, row, strict=True)},
    }
