"""Rows that a model is unsure or wrong about: the ones that are worth labelling and learning from next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from rerank.errors import InputError
from rerank.finetune.evaluation import Judged
from rerank.finetune.folder import HEADER, relative_path, write_table
from rerank.finetune.pairs import LabelledPair, PairTable
from rerank.types import LABELS, Label

Why = Literal["wrong", "unsure"]
ADDED = ("why", "predicted", "confidence", *LABELS)


@dataclass(frozen=True)
class HardPair:
    """A row worth a look: why, and the model's verdict on it."""

    pair: LabelledPair
    why: Why
    predicted: Label
    confidence: float
    probabilities: tuple[float, float, float]


def mine(judged: Judged, below: float) -> list[HardPair]:
    """Rows whose verdict is not their label, and rows whose confidence is below ``below``; the hardest first.

    The surest of the wrong ones come first, since they teach most or are labelled wrongly; then the others by
    rising confidence. Rows without a label can only be unsure.
    """
    if not 0.0 <= below <= 1.0:
        raise InputError(f"below must be between 0 and 1, not {below:g}")
    found = []
    for pair, row in zip(judged.pairs, judged.probabilities, strict=True):
        predicted, confidence = LABELS[int(row.argmax())], float(row.max())
        wrong = pair.label is not None and pair.label != predicted
        if wrong or confidence < below:
            why: Why = "wrong" if wrong else "unsure"
            found.append(HardPair(pair, why, predicted, confidence, tuple(np.asarray(row, dtype=float).tolist())))
    return sorted(found, key=lambda one: (0, -one.confidence) if one.why == "wrong" else (1, one.confidence))


def write_hard(found: Sequence[HardPair], table: PairTable, path: Path) -> None:
    """Write them as a table that `finetune` reads: its four columns, the table's others, and what the model said.

    Picture paths are relative to the new table; labels that were empty stay so, to be filled in.
    """
    columns = table.columns
    used = {columns.image, columns.premise, columns.hypothesis, columns.label}
    carried = [name for name in table.header if name not in used and name not in (*HEADER, *ADDED)]
    rows = [
        [
            relative_path(one.pair.image, path.parent),
            one.pair.premise or "",
            one.pair.hypothesis,
            one.pair.label or "",
            one.why,
            one.predicted,
            *(f"{value:.4f}" for value in (one.confidence, *one.probabilities)),
            *(one.pair.row.get(name, "") for name in carried),
        ]
        for one in found
    ]
    write_table(path, [*HEADER, *ADDED, *carried], rows)


def summary(judged: Judged, found: Sequence[HardPair]) -> dict[str, int]:
    """How many rows were looked at, and how many came out for which reason."""
    counts = Counter(one.why for one in found)
    return {
        "rows": len(judged.pairs),
        "hard": len(found),
        "wrong": counts["wrong"],
        "unsure": counts["unsure"],
        "unlabelled": sum(one.pair.label is None for one in found),
    }
