"""Which rows are trained on and which are held out: as the table says, or four fifths to one, by picture."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rerank.errors import InputError
from rerank.finetune.checks import ImageKeys
from rerank.finetune.pairs import LabelledPair
from rerank.types import LABELS


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows to validate with; no picture is in both."""

    training: tuple[LabelledPair, ...]
    validation: tuple[LabelledPair, ...]


def split_pairs(pairs: Sequence[LabelledPair], keys: ImageKeys, share: float, seed: int) -> Split:
    """The table's own split where it has one; else ``share`` of the rows held out, stratified by label, by picture.

    Rows of the split "test" are left alone.

    Raises:
        InputError: nothing would be left on one of the sides.
    """
    if any(pair.split for pair in pairs):
        training = [pair for pair in pairs if pair.split in (None, "train")]
        validation = [pair for pair in pairs if pair.split == "validation"]
        if validation and training:
            return Split(tuple(training), tuple(validation))
        if not training:
            raise InputError("no row is in the split train")
        pairs = training
    held_out = _held_out(pairs, keys, share, seed)
    chosen = Split(
        tuple(pair for pair in pairs if keys[pair] not in held_out),
        tuple(pair for pair in pairs if keys[pair] in held_out),
    )
    if not chosen.training or not chosen.validation:
        raise InputError(
            f"{len(pairs)} rows on {len({keys[pair] for pair in pairs})} pictures cannot be split: at least two "
            "pictures are needed, or a table of its own for --validation"
        )
    return chosen


def _held_out(pairs: Sequence[LabelledPair], keys: ImageKeys, share: float, seed: int) -> set[str]:
    """Pictures whose rows together come closest to ``share`` of each class."""
    groups: dict[str, list[int]] = defaultdict(lambda: [0] * len(LABELS))
    for pair in pairs:
        groups[keys[pair]][pair.target] += 1
    wanted = [share * sum(column) for column in zip(*groups.values(), strict=True)]
    order = sorted(groups)
    random.Random(seed).shuffle(order)  # noqa: S311
    # Pictures with many rows first: the small ones fill up what is left.
    order.sort(key=lambda key: -sum(groups[key]))
    chosen: set[str] = set()
    have = [0.0] * len(LABELS)
    for key in order:
        taken = [held + more for held, more in zip(have, groups[key], strict=True)]
        if _distance(taken, wanted) < _distance(have, wanted) and len(chosen) < len(groups) - 1:
            chosen.add(key)
            have = taken
    return chosen


def _distance(have: Sequence[float], wanted: Sequence[float]) -> float:
    return sum((one - other) ** 2 for one, other in zip(have, wanted, strict=True))
