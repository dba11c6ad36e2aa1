"""What advice says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AdviceKind = Literal[
    "empty",
    "filler",
    "opinion",
    "invisible",
    "negation",
    "question",
    "command",
    "number",
    "long",
    "sentences",
    "language",
]


@dataclass(frozen=True)
class Advice:
    """What in a text cannot be verified by looking, and what to write instead.

    It is about ``text[start:end]``, in code points.
    """

    kind: AdviceKind
    start: int
    end: int
    message: str
