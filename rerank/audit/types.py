"""The values that an audit is made of: rows as they were given, and as they were judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rerank.types import Entailment, Label

Decision = Literal["accept", "review", "reject"]
DECISIONS: tuple[Decision, Decision, Decision] = ("accept", "review", "reject")
Language = Literal["en", "zh"]
Progress = Callable[[int, int], None]


class AuditCancelled(Exception):
    """The audit was told to stop; what was judged is in its journal."""


class Judge(Protocol):
    """What an audit needs of a reranker: ``EntailmentReranker`` is one."""

    @property
    def name(self) -> str: ...

    def score(self, pairs: list[tuple[Image.Image, str, str | None]], /) -> NDArray[np.float32]:
        """Probabilities of shape (n, 3) in the order of ``LABELS``."""
        ...


@dataclass(frozen=True)
class AuditRow:
    """One row of a table; ``number`` counts rows from 1, ``line`` is where it begins in the file.

    ``extras`` are the values of the table's other columns, in their order. ``problem`` says why the row
    cannot be judged, whatever its picture.
    """

    number: int
    line: int
    image: str
    text: str
    premise: str | None = None
    expected: Label | None = None
    extras: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def image_name(self) -> str:
        """What reports call the picture: data URIs, which may be megabytes, by their beginning."""
        if self.image[:5].lower() != "data:" or len(self.image) <= 80:
            return self.image
        return f"{self.image[:40]}… ({len(self.image):,} characters)"


@dataclass(frozen=True)
class Outcome:
    """What became of a row: a verdict, or a problem; ``thumbnail`` is a small JPEG."""

    verdict: Entailment | None = None
    problem: str | None = None
    thumbnail: bytes | None = None


@dataclass(frozen=True)
class AuditedRow:
    """A row with its outcome; ``decision`` is None where there is no verdict."""

    row: AuditRow
    outcome: Outcome
    decision: Decision | None

    @property
    def label(self) -> Label | None:
        """The verdict's label."""
        return None if self.outcome.verdict is None else self.outcome.verdict.label

    @property
    def mismatch(self) -> bool:
        """Whether picture and text do not go together: contradicted, or rejected by the policy."""
        return self.label == "contradiction" or self.decision == "reject"

    @property
    def correct(self) -> bool | None:
        """Whether the verdict is the expected one; None where there is nothing to compare."""
        return None if self.label is None or self.row.expected is None else self.label == self.row.expected
