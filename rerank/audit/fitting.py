"""Thresholds from labelled rows: the lowest that still reach a wanted precision."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rerank.audit.policy import Policy
from rerank.errors import InputError
from rerank.types import Entailment, Label

# Thresholds are looked for in steps of 1/BINS: counts in bins take the same memory however many rows there are.
BINS = 10_000
FOLDS = 5
NEVER = 1.01
# Below this the verdict is another one: what a model itself denies is not accepted, however right that may turn out.
LEAST = 0.5
_Z = 1.96


@dataclass(frozen=True)
class FittedSide:
    """What one threshold does on the labelled rows it was fitted on.

    ``precision`` is the share of the decided rows that were decided rightly, ``low`` its lower Wilson bound (95 %),
    ``held_out`` the same of rows that the threshold was not fitted on (five folds), None where none was decided.
    ``coverage`` is the share of all labelled rows that is decided.
    """

    threshold: float
    decided: int
    precision: float | None
    low: float | None
    held_out: float | None
    coverage: float


@dataclass(frozen=True)
class FittedPolicy:
    """Thresholds for a wanted precision, what they reach, and what is to be said about it."""

    policy: Policy
    wanted: float
    labelled: int
    accept: FittedSide
    reject: FittedSide
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON: the thresholds, which ``Policy.read`` takes back, and how they came about."""
        found = {name: asdict(side) for name, side in (("accept", self.accept), ("reject", self.reject))}
        facts = {"precision": self.wanted, "labelled": self.labelled, **found, "warnings": list(self.warnings)}
        return {**asdict(self.policy), "fitted": facts}


class Fitting:
    """Counts labelled verdicts, in constant memory, until ``fit`` is asked for thresholds.

    Accepting is right where entailment is expected, rejecting where contradiction is.
    """

    def __init__(self) -> None:
        # (fold, accept or reject, wrong or right, probability in bins)
        self._counts: NDArray[np.int64] = np.zeros((FOLDS, 2, 2, BINS + 1), dtype=np.int64)
        self._seen = 0

    def add(self, verdict: Entailment, expected: Label) -> None:
        """Count one labelled row."""
        fold = self._seen % FOLDS
        self._seen += 1
        for side, (probability, label) in enumerate(
            ((verdict.entailment, "entailment"), (verdict.contradiction, "contradiction"))
        ):
            place = min(BINS, max(0, math.floor(probability * BINS)))
            self._counts[fold, side, int(expected == label), place] += 1

    def fit(self, precision: float, base: Policy | None = None) -> FittedPolicy:
        """Thresholds that reach ``precision`` on the labelled rows, each as low as can be, and at least one half.

        Raises:
            InputError: no row is labelled, or the precision is none.
        """
        if not 0.0 < precision <= 1.0:
            raise InputError(f"precision must lie above 0 and at most at 1, not {precision:g}")
        if not self._seen:
            raise InputError(
                "a policy can be fitted only from labelled rows, and no row that was judged has an expected label; "
                "name their column with --expected-column"
            )
        accept, reject = (self._side(side, precision) for side in (0, 1))
        policy = replace(
            base or Policy(), accept_above=accept.threshold, reject_above=reject.threshold, reject_below=0.0
        )
        warnings = (*_warnings("accept", accept, precision), *_warnings("reject", reject, precision))
        return FittedPolicy(policy, precision, self._seen, accept, reject, warnings)

    def _side(self, side: int, precision: float) -> FittedSide:
        counts = self._counts[:, side]
        total = counts.sum(axis=0)
        place = _lowest(total, precision)
        right, decided = _decided(total, place)
        held_right = held_decided = 0
        for fold in range(FOLDS):
            found = _decided(counts[fold], _lowest(total - counts[fold], precision))
            held_right, held_decided = held_right + found[0], held_decided + found[1]
        return FittedSide(
            threshold=place / BINS if decided else NEVER,
            decided=decided,
            precision=right / decided if decided else None,
            low=wilson_low(right, decided) if decided else None,
            held_out=held_right / held_decided if held_decided else None,
            coverage=decided / self._seen,
        )


def wilson_low(right: int, of: int) -> float:
    """Lower bound of Wilson's 95 % interval of a share (Wilson 1927)."""
    share, square = right / of, _Z * _Z
    middle = share + square / (2 * of)
    spread = _Z * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, (middle - spread) / (1 + square / of))


def rows_needed(precision: float) -> int:
    """How many rows, all decided rightly, it takes to be 95 % sure of a precision."""
    return math.ceil(math.log(0.05) / math.log(min(precision, 0.9999)))


def _lowest(counts: NDArray[np.int64], precision: float) -> int:
    """The lowest bin from which upwards the wanted share is right; past the end where there is none."""
    wrong, right = (np.cumsum(side[::-1])[::-1] for side in counts)
    decided = right + wrong
    # Only where a row lies: a threshold between two rows claims more than was seen.
    enough = (right >= precision * decided - 1e-9) & (counts.sum(axis=0) > 0)
    enough[: math.ceil(LEAST * BINS)] = False
    places = np.flatnonzero(enough)
    return int(places[0]) if places.size else BINS + 1


def _decided(counts: NDArray[np.int64], place: int) -> tuple[int, int]:
    """Right and all rows from a bin upwards."""
    return int(counts[1, place:].sum()), int(counts[:, place:].sum())


def _warnings(name: str, side: FittedSide, precision: float) -> list[str]:
    if not side.decided:
        return [f"{name}: no threshold reaches a precision of {precision:g} on these rows: nothing is decided so"]
    needed = rows_needed(precision)
    if side.decided < needed:
        return [
            f"{name}: too few rows: the threshold rests on {side.decided}, and even {needed} without an error are "
            f"needed to be 95 % sure of a precision of {precision:g}"
        ]
    if side.held_out is not None and side.held_out < precision - 0.05:
        return [f"{name}: on rows that it was not fitted on, a threshold reached only {side.held_out:.3f}"]
    return []
