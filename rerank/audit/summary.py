"""What an audit comes to: counts, decisions and, where labels are expected, how many verdicts are right."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from rerank.audit.fitting import FittedPolicy
from rerank.audit.policy import Policy
from rerank.audit.types import DECISIONS, AuditedRow
from rerank.types import LABELS

# How many rows a summary names; reports name them all.
SHOWN = 200
COUNTS = (*LABELS, "failed")


def _zeros(names: tuple[str, ...]) -> dict[str, int]:
    return dict.fromkeys(names, 0)


@dataclass
class Summary:
    """Counts rows as they pass. ``confusion[expected][label]`` counts those that have an expected label."""

    model: str
    table: str
    policy: Policy
    fitted: FittedPolicy | None = None
    prepare: str = "stretch"
    notes: list[str] = field(default_factory=list)
    rows: int = 0
    counts: dict[str, int] = field(default_factory=lambda: _zeros(COUNTS))
    decisions: dict[str, int] = field(default_factory=lambda: _zeros(DECISIONS))
    confusion: dict[str, dict[str, int]] = field(default_factory=lambda: {one: _zeros(LABELS) for one in LABELS})
    mismatches: int = 0
    first_mismatches: list[AuditedRow] = field(default_factory=list)
    first_failures: list[AuditedRow] = field(default_factory=list)

    def add(self, audited: AuditedRow) -> None:
        """Count one row."""
        self.rows += 1
        label, expected = audited.label, audited.row.expected
        self.counts[label or "failed"] += 1
        if label is None:
            if len(self.first_failures) < SHOWN:
                self.first_failures.append(audited)
            return
        assert audited.decision is not None
        self.decisions[audited.decision] += 1
        if expected is not None:
            self.confusion[expected][label] += 1
        if audited.mismatch:
            self.mismatches += 1
            if len(self.first_mismatches) < SHOWN:
                self.first_mismatches.append(audited)

    @property
    def labelled(self) -> int:
        """How many judged rows have an expected label."""
        return sum(sum(row.values()) for row in self.confusion.values())

    @property
    def accuracy(self) -> float | None:
        """The share of these whose verdict is the expected one."""
        return sum(self.confusion[one][one] for one in LABELS) / self.labelled if self.labelled else None

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON."""
        return {
            "table": self.table,
            "model": self.model,
            "rows": self.rows,
            "counts": self.counts,
            "decisions": self.decisions,
            "mismatches": self.mismatches,
            "expected": {"rows": self.labelled, "accuracy": self.accuracy, "confusion": self.confusion}
            if self.labelled
            else None,
            "policy": asdict(self.policy),
            "fitted": None if self.fitted is None else self.fitted.to_dict()["fitted"],
            "prepare": self.prepare,
            "notes": self.notes,
            "failures": [
                {
                    "row": one.row.number,
                    "line": one.row.line,
                    "image": one.row.image_name,
                    "reason": one.outcome.problem,
                }
                for one in self.first_failures
            ],
        }
