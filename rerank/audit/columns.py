"""Which columns of a table hold what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rerank.audit.records import Record
from rerank.audit.types import AuditRow
from rerank.errors import InputError
from rerank.types import LABELS, Label

# What people write for the three answers; OFA's own are yes, maybe and no.
EXPECTED: dict[str, Label] = {
    **{label: label for label in LABELS},
    **dict.fromkeys(("yes", "match", "true", "匹配", "是"), "entailment"),
    **dict.fromkeys(("maybe", "partly", "partial", "unknown", "部分相关", "也许"), "neutral"),
    **dict.fromkeys(("no", "mismatch", "false", "不匹配", "否"), "contradiction"),
}
_SURROGATES = ("\ud800", "\udfff")


@dataclass(frozen=True)
class Columns:
    """The names of the columns. ``premise`` and ``expected`` are taken where the table has them, unless named."""

    image: str = "image"
    text: str = "text"
    premise: str | None = None
    expected: str | None = None

    def places(self, header: Sequence[str], path: Path) -> Places:
        """Where these columns are.

        Raises:
            InputError: one that is needed or named is missing, or there twice.
        """
        return Places(
            _needed(self.image, "image", header, path),
            _needed(self.text, "text", header, path),
            _place("premise", header) if self.premise is None else _needed(self.premise, "premise", header, path),
            _place("expected", header) if self.expected is None else _needed(self.expected, "expected", header, path),
        )


@dataclass(frozen=True)
class Places:
    """The positions of the columns in a record."""

    image: int
    text: int
    premise: int | None = None
    expected: int | None = None

    def others(self, width: int) -> tuple[int, ...]:
        """The positions of the columns that are only carried through."""
        return tuple(
            place for place in range(width) if place not in (self.image, self.text, self.premise, self.expected)
        )

    def row(self, number: int, record: Record, header: Sequence[str], others: Sequence[int]) -> AuditRow:
        """A record as a row, with what is wrong with it."""
        fields = record.fields
        problem = record.problem
        if problem is None and len(fields) != len(header):
            problem = f"has {len(fields)} fields, but the header names {len(header)} columns"
        if problem is not None:
            fields = [*fields, *[""] * len(header)][: len(header)]
        image, text = fields[self.image].strip(), fields[self.text].strip()
        premise = fields[self.premise].strip() or None if self.premise is not None else None
        given = fields[self.expected].strip() if self.expected is not None else ""
        expected = EXPECTED.get(given.casefold())
        if problem is None:
            problem = _wrong(image, text, given, expected, fields)
        extras = tuple(fields[place] for place in others)
        return AuditRow(number, record.line, image, text, premise, expected, extras, problem)


def _wrong(image: str, text: str, given: str, expected: Label | None, fields: Sequence[str]) -> str | None:
    if any(not field.isascii() and any(_SURROGATES[0] <= one <= _SURROGATES[1] for one in field) for field in fields):
        return "is not UTF-8, as the rest of the file is"
    if not image:
        return "image is empty"
    if not text:
        return "text is empty"
    if given and expected is None:
        return f"expected is {given[:40]!r}; write entailment, neutral or contradiction (or yes, maybe, no)"
    return None


def _needed(name: str, field: str, header: Sequence[str], path: Path) -> int:
    place = _place(name, header)
    if place is not None:
        return place
    known = ", ".join(repr(one) for one in header[:20]) or "none"
    raise InputError(f"{path}: has no column {name!r} (it has {known}); name the right one with --{field}-column")


def _place(name: str, header: Sequence[str]) -> int | None:
    """The position of a column, by its name or, where that is unambiguous, whatever its case."""
    found = [place for place, one in enumerate(header) if one == name]
    found = found or [place for place, one in enumerate(header) if one.strip().casefold() == name.strip().casefold()]
    if len(found) > 1:
        raise InputError(f"the column {name!r} is there {len(found)} times; give them different names")
    return found[0] if found else None
