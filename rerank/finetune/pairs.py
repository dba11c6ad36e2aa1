"""A table of labelled pairs: image, premise, hypothesis, label; what is wrong with it is said by line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rerank.errors import InputError
from rerank.types import LABELS, Label

# What the label column may hold: our words, OFA's answers, and what people write.
LABEL_WORDS: dict[str, Label] = {
    **dict.fromkeys(("entailment", "yes", "true", "match", "匹配"), "entailment"),
    **dict.fromkeys(("neutral", "maybe", "unknown", "部分相关"), "neutral"),
    **dict.fromkeys(("contradiction", "no", "false", "mismatch", "不匹配"), "contradiction"),
}
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    "test": "test",
}
# Names that are taken for a column where the table has not the usual one.
OTHER_NAMES = {"image_path": ("image", "path", "file_name"), "hypothesis": ("text", "caption", "statement")}


@dataclass(frozen=True)
class Columns:
    """What the table calls its columns."""

    image: str = "image_path"
    premise: str = "premise"
    hypothesis: str = "hypothesis"
    label: str = "label"
    split: str = "split"


@dataclass(frozen=True)
class LabelledPair:
    """A row that can be used; ``label`` is None where the table has none, ``row`` the row as it stands."""

    line: int
    image: Path
    premise: str | None
    hypothesis: str
    label: Label | None
    split: str | None
    row: dict[str, str] = field(repr=False)

    @property
    def target(self) -> int:
        """The label's place in ``LABELS``, -1 without one."""
        return -1 if self.label is None else LABELS.index(self.label)


@dataclass(frozen=True)
class Problem:
    """A row that cannot be used, and why; ``table`` is set where there is more than one."""

    line: int
    reason: str
    table: str = ""

    def __str__(self) -> str:
        return f"{self.table + ' ' if self.table else ''}line {self.line}: {self.reason}"


@dataclass(frozen=True)
class PairTable:
    """What a table holds: the rows that can be used, and what is wrong with the others."""

    path: Path
    columns: Columns
    header: tuple[str, ...]
    pairs: tuple[LabelledPair, ...]
    problems: tuple[Problem, ...]

    @property
    def rows(self) -> int:
        """How many rows there are, good and bad."""
        return len(self.pairs) + len(self.problems)


class TableInvalid(InputError):
    """A table with rows that cannot be used; ``problems`` names each by its line."""

    def __init__(self, message: str, problems: Sequence[Problem]) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


def read_pairs(
    path: Path, columns: Columns | None = None, *, images: Path | None = None, labelled: bool = True
) -> PairTable:
    """Read a .csv, .tsv or .jsonl table.

    Args:
        path: the table.
        columns: what its columns are called.
        images: where relative image paths begin; beside the table by default.
        labelled: whether a row without a label is a problem.

    Raises:
        InputError: the file cannot be read as a table, or a column is missing.
    """
    rows = _rows(path)
    header = tuple(dict.fromkeys(name for _, row in rows for name in row))
    named = _named(columns or Columns(), header, path, labelled=labelled)
    root = path.parent if images is None else images
    pairs: list[LabelledPair] = []
    problems: list[Problem] = []
    for line, row in rows:
        found = _pair(line, row, named, root, labelled=labelled)
        if isinstance(found, LabelledPair):
            pairs.append(found)
        else:
            problems.append(Problem(line, found))
    return PairTable(path, named, header, tuple(pairs), tuple(problems))


def _pair(line: int, row: dict[str, str], columns: Columns, root: Path, *, labelled: bool) -> LabelledPair | str:
    """The pair of a row, or what is wrong with it."""
    image, hypothesis = row.get(columns.image, "").strip(), row.get(columns.hypothesis, "").strip()
    word, split = row.get(columns.label, "").strip(), row.get(columns.split, "").strip()
    if not image:
        return f"{columns.image} is empty"
    if not hypothesis:
        return f"{columns.hypothesis} is empty"
    if labelled and not word:
        return f"{columns.label} is empty"
    if word and word.lower() not in LABEL_WORDS:
        return f"{columns.label} {word!r} is not known; write entailment, neutral or contradiction (yes, maybe, no)"
    if split and split.lower() not in SPLIT_WORDS:
        return f"{columns.split} {split!r} is not known; write train, validation or test"
    path = root / Path(image).expanduser()
    if not path.is_file():
        return f"{columns.image} {path} " + ("is not a file" if path.exists() else "does not exist")
    premise = row.get(columns.premise, "").strip() or None
    label = LABEL_WORDS[word.lower()] if word else None
    return LabelledPair(line, path, premise, hypothesis, label, SPLIT_WORDS.get(split.lower()), row)


def _named(columns: Columns, header: Sequence[str], path: Path, *, labelled: bool) -> Columns:
    image, hypothesis = _column(columns.image, header), _column(columns.hypothesis, header)
    needed = [image, hypothesis, *([columns.label] if labelled else [])]
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            f"{path}: has no column {', '.join(missing)} (it has {', '.join(header) or 'none'}); "
            "name its columns with --image-column, --hypothesis-column, --premise-column, --label-column"
        )
    return Columns(image, columns.premise, hypothesis, columns.label, columns.split)


def _column(name: str, header: Sequence[str]) -> str:
    others = (other for other in OTHER_NAMES.get(name, ()) if other in header)
    return name if name in header else next(others, name)


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows with the number of the line that each begins on."""
    if path.suffix.lower() not in (".csv", ".tsv", ".jsonl"):
        raise InputError(f"{path}: a table is a .csv, .tsv or .jsonl file")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            read = _json_lines(file, path) if path.suffix.lower() == ".jsonl" else _separated(file, path)
            rows = list(read)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: is not a UTF-8 table ({error})") from error
    if not rows:
        raise InputError(f"{path}: holds no rows")
    return rows


def _separated(file: Any, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", restkey="", restval="")
    line = 2
    for row in reader:
        yield line, {name.strip(): str(value or "") for name, value in row.items() if name}
        line = reader.line_num + 1


def _json_lines(file: Any, path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    for line, text in enumerate(file, start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}: line {line} is not JSON ({error.msg})") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}: line {line} is not a JSON object")
        yield line, {str(name): "" if value is None else str(value) for name, value in row.items()}
