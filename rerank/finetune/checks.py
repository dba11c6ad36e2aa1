"""What spoils a training set without breaking it: duplicates, contradicting labels, leaks, a class that is missing."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rerank.finetune.pairs import LabelledPair, Problem
from rerank.ofa.preprocess import normalise_text
from rerank.types import LABELS

# Below this share of the rows a class is called rare.
RARE = 0.1


@dataclass(frozen=True)
class ImageKeys:
    """Which images are the same picture, by the hash of their bytes: a copy under another name is no new picture."""

    keys: dict[Path, str]

    @classmethod
    def of(cls, pairs: Sequence[LabelledPair]) -> ImageKeys:
        """Read and hash each file once."""
        paths = dict.fromkeys(pair.image for pair in pairs)
        return cls({path: hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest() for path in paths})

    def __getitem__(self, pair: LabelledPair) -> str:
        return self.keys[pair.image]


def repeated(pairs: Sequence[LabelledPair], keys: ImageKeys) -> list[Problem]:
    """Rows that ask what an earlier row has asked: with its label a duplicate, with another a contradiction."""
    first: dict[tuple[str, str, str], LabelledPair] = {}
    problems = []
    for pair in pairs:
        asked = (keys[pair], normalise_text(pair.premise or "", 256), normalise_text(pair.hypothesis, 256))
        earlier = first.setdefault(asked, pair)
        if earlier is pair:
            continue
        if earlier.label == pair.label:
            problems.append(Problem(pair.line, f"duplicate of line {earlier.line}"))
        else:
            problems.append(Problem(pair.line, f"labelled {pair.label}, but {earlier.label} in line {earlier.line}"))
    return problems


def leaks(training: Sequence[LabelledPair], held_out: Sequence[LabelledPair], keys: ImageKeys) -> list[Problem]:
    """Rows to train on whose picture is held out as well: what is measured there would be memory."""
    known = {keys[pair]: pair for pair in reversed(held_out)}
    return [
        Problem(pair.line, f"leak: {pair.image.name} is also in the {known[keys[pair]].split or 'validation'} rows")
        for pair in training
        if keys[pair] in known
    ]


def class_balance(pairs: Sequence[LabelledPair]) -> dict[str, int]:
    """How many rows each class has."""
    counts = Counter(pair.label for pair in pairs)
    return {label: counts[label] for label in LABELS}


def imbalance(pairs: Sequence[LabelledPair], name: str) -> list[str]:
    """What is to be said of classes that are missing or rare; nothing where all is well."""
    counts = class_balance(pairs)
    found = []
    for label, count in counts.items():
        if count == 0:
            found.append(f"{name}: no row is labelled {label}; the model will unlearn it")
        elif count < RARE * len(pairs):
            found.append(f"{name}: {label} has {count} of {len(pairs)} rows; consider `balance = true`")
    return found


def data_fingerprint(pairs: Sequence[LabelledPair], keys: ImageKeys) -> str:
    """Hash of what is learnt from: pictures by content, texts, labels; where files lie does not count."""
    rows = sorted(repr((keys[pair], pair.premise, pair.hypothesis, pair.label)) for pair in pairs)
    return hashlib.blake2b("\n".join(rows).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
