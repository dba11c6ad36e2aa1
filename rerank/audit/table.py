"""A table of pictures and texts: which columns there are, and its rows as a stream."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TextIO

from rerank.audit.columns import Columns, Places
from rerank.audit.encodings import examine
from rerank.audit.records import LONGEST_LINE, Record, read_records
from rerank.audit.types import AuditRow
from rerank.errors import InputError

DELIMITERS = (",", ";", "\t", "|")
JSON_LINES = frozenset({".jsonl", ".ndjson"})
MOST_COLUMNS = 500
# In characters: a line may hold a picture as a data URI.
LONGEST_OBJECT = 32_000_000


@dataclass(frozen=True)
class Table:
    """A file of rows, looked through once: its columns are known, its rows counted, its bytes hashed.

    ``rows`` may be called again and again; it reads the file as a stream, in constant memory.
    """

    path: Path
    encoding: str
    delimiter: str | None
    header: tuple[str, ...]
    places: Places
    count: int
    fingerprint: str
    notes: tuple[str, ...] = ()
    stamp: tuple[int, int] = (0, 0)

    @classmethod
    def open(
        cls,
        path: Path,
        columns: Columns | None = None,
        *,
        delimiter: str | None = None,
        encoding: str | None = None,
    ) -> Self:
        """Look through a .csv (or .tsv, .txt) or .jsonl file.

        Args:
            delimiter: one character; None finds out which of , ; tab and | it is.
            encoding: None finds out: see ``encodings.examine``.

        Raises:
            InputError: it cannot be read, has no rows, or lacks a column.
        """
        if not path.is_file():
            raise InputError(f"{path}: {'is not a file' if path.exists() else 'does not exist'}; name a CSV file")
        if delimiter is not None and len(delimiter) != 1:
            raise InputError(f"delimiter: must be one character, not {delimiter!r}")
        stamp = _stamp(path)
        reading = examine(path, encoding)
        with _opened(path, reading.encoding) as stream:
            if path.suffix.lower() in JSON_LINES:
                found, header = None, _keys(stream)
            else:
                found = delimiter or _delimiter(stream, path)
                header = _header(stream, found, path)
        places = (columns or Columns()).places(header, path)
        digest = hashlib.blake2b(digest_size=16)
        digest.update(repr((reading.digest, reading.encoding, found, places)).encode())
        notes = () if reading.note is None else (f"{path.name} {reading.note}",)
        table = cls(path, reading.encoding, found, header, places, 0, digest.hexdigest(), notes, stamp)
        count = sum(1 for _ in table._records())
        if not count:
            raise InputError(f"{path}: has no rows; write one row for each picture and text, below a header")
        return replace(table, count=count)

    @property
    def extras(self) -> tuple[str, ...]:
        """The names of the columns that are only carried through."""
        return tuple(self.header[place] for place in self.places.others(len(self.header)))

    def rows(self) -> Iterator[AuditRow]:
        """Every row, in the file's order; what is wrong with one is in its ``problem``."""
        others = self.places.others(len(self.header))
        for number, record in enumerate(self._records(), start=1):
            yield self.places.row(number, record, self.header, others)

    def check_unchanged(self) -> None:
        """Refuse to go on when the file is no longer the one that was looked through.

        Raises:
            InputError: it changed.
        """
        if not self.path.is_file() or _stamp(self.path) != self.stamp:
            raise InputError(f"{self.path}: changed while it was audited; audit a copy that nobody writes to")

    def _records(self) -> Iterator[Record]:
        with _opened(self.path, self.encoding) as stream:
            if self.delimiter is None:
                yield from _json_records(stream, self.header)
                return
            _skip_separator_line(stream)
            yield from itertools.islice(read_records(stream, self.delimiter, len(self.header)), 1, None)


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of change, by which a changed file is known."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _opened(path: Path, encoding: str) -> TextIO:
    # What cannot be decoded becomes a lone surrogate in UTF-8, by which its row is known for bad.
    errors = "surrogateescape" if encoding in ("utf-8", "utf-8-sig") else "replace"
    return path.open(encoding=encoding, errors=errors, newline="")


def _skip_separator_line(stream: TextIO) -> str | None:
    """The delimiter that Excel's first line ``sep=;`` names; the stream then stands behind that line."""
    line = stream.readline(16)
    if line.lower().startswith("sep=") and len(line.rstrip("\r\n")) == 5:
        return line[4]
    stream.seek(0)
    return None


def _delimiter(stream: TextIO, path: Path) -> str:
    named = _skip_separator_line(stream)
    if named is not None:
        stream.seek(0)
        return named
    if path.suffix.lower() in (".tsv", ".tab"):
        stream.seek(0)
        return "\t"
    first = stream.readline(LONGEST_LINE)
    stream.seek(0)
    fields = {one: len(next(csv.reader(io.StringIO(first), delimiter=one), [])) for one in DELIMITERS}
    return max(DELIMITERS, key=lambda one: fields[one])


def _header(stream: TextIO, delimiter: str, path: Path) -> tuple[str, ...]:
    _skip_separator_line(stream)
    record = next(read_records(stream, delimiter), None)
    if record is None:
        raise InputError(f"{path}: is empty; its first line must name the columns, such as image,text")
    if record.problem:
        raise InputError(f"{path}: its first line must name the columns: {record.problem}")
    return _checked(tuple(name.strip().lstrip("\ufeff") for name in record.fields))


def _keys(stream: TextIO) -> tuple[str, ...]:
    """Every key of a JSON Lines file, in the order in which they first occur."""
    keys: dict[str, None] = {}
    for _, value in _objects(stream):
        if isinstance(value, dict):
            keys.update(dict.fromkeys(value))
            if len(keys) > MOST_COLUMNS:
                break
    return _checked(tuple(keys))


def _checked(header: tuple[str, ...]) -> tuple[str, ...]:
    if len(header) > MOST_COLUMNS:
        raise InputError(f"the table has more than {MOST_COLUMNS} columns; is the delimiter right?")
    return header


def _objects(stream: TextIO) -> Iterator[tuple[int, Any]]:
    """Line numbers and JSON values; an Exception stands for what is none."""
    number = 0
    while line := stream.readline(LONGEST_OBJECT):
        number += 1
        if len(line) == LONGEST_OBJECT and not line.endswith("\n"):
            while (rest := stream.readline(LONGEST_OBJECT)) and not rest.endswith("\n"):
                pass
            yield number, ValueError(f"a line is longer than {LONGEST_OBJECT:,} characters")
        elif line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, ValueError(f"is not JSON: {error}")


def _json_records(stream: TextIO, header: Sequence[str]) -> Iterator[Record]:
    for line, value in _objects(stream):
        if isinstance(value, dict):
            yield Record(line, [_text(value.get(name)) for name in header])
        else:
            reason = str(value) if isinstance(value, ValueError) else "is not a JSON object"
            yield Record(line, [], reason)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
