"""A table of captions: which image each text describes, read from a CSV file row by row."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rerank.errors import InputError
from retrieval.engine import MAX_QUERY

if TYPE_CHECKING:
    import _csv

DELIMITERS = ",;\t|"
SHOWN = 80


@dataclass(frozen=True)
class Columns:
    """Names of the table's columns; None takes the usual names where the table has them."""

    image: str = "image"
    caption: str = "caption"
    data_set: str | None = None
    relevance: str | None = None


USUAL_COLUMNS = Columns()


@dataclass(frozen=True)
class Caption:
    """One row: ``line`` is where it begins, ``image`` a path or an id as it stands there."""

    line: int
    image: str
    caption: str
    data_set: str = ""
    relevance: float = 1.0


@dataclass(frozen=True)
class Problem:
    """A row that cannot be used, and why."""

    line: int
    reason: str


class BadRow(ValueError):
    """Why a row cannot be used."""


def read_captions(path: Path, columns: Columns = USUAL_COLUMNS) -> tuple[list[Caption], list[Problem]]:
    """The usable rows of a UTF-8 table with a header, and what is wrong with the others.

    Cells are separated by commas, semicolons, tabs or bars, whichever gives the header its columns.

    Raises:
        InputError: the file is not such a table; the message names the line and the remedy.
    """
    text = _text(path)
    header, delimiter, places = _header(path, text, columns)
    rows: list[Caption] = []
    problems: list[Problem] = []
    for line, cells in _records(text, delimiter):
        try:
            if isinstance(cells, csv.Error):
                raise BadRow(_explained(cells))
            rows.append(_caption(line, cells, header, places))
        except BadRow as error:
            problems.append(Problem(line, str(error)))
    return rows, problems


def shown(text: str) -> str:
    """A cell in a message: quoted, on one line, not too long."""
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 1] + "…")


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name a CSV file") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; name a CSV file with the columns image and caption") from None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(f"{path}: is UTF-16 text; save it as CSV in UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line} is not UTF-8 text; save the table as CSV in UTF-8") from None
    if not text.strip():
        raise InputError(f"{path}: is empty; it needs a header line with the columns image and caption")
    return text.replace("\0", " ")


def _header(path: Path, text: str, columns: Columns) -> tuple[list[str], str, Mapping[str, int]]:
    """The names of the columns, what separates them, and the places of those that are needed."""
    found = [(_first(text, delimiter), delimiter) for delimiter in DELIMITERS]
    errors = []
    for header, delimiter in found:
        try:
            return header, delimiter, _places(header, columns)
        except BadRow as error:
            errors.append((len(header), str(error)))
    # The complaint about the separator that finds most columns is the one to make.
    raise InputError(f"{path}: line 1: {max(errors, key=lambda one: one[0])[1]}")


def _first(text: str, delimiter: str) -> list[str]:
    return [name.strip() for name in next(_reader(text, delimiter, strict=False), [])]


def _reader(text: str, delimiter: str, *, strict: bool) -> _csv.Reader:
    # Not str.splitlines, which also breaks lines where a caption has a form feed or U+2028.
    lines = io.StringIO(text, newline="")
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=strict)


def _places(header: Sequence[str], columns: Columns) -> dict[str, int]:
    """Where each field stands; set and relevance only if they are named or called as usual."""
    there = {name.casefold() for name in header}
    usual_set = next((name for name in ("set", "dataset") if name in there), None)
    names = {
        "image": columns.image,
        "caption": columns.caption,
        "set": columns.data_set or usual_set,
        "relevance": columns.relevance or ("relevance" if "relevance" in there else None),
    }
    return {field: _place(header, name, field) for field, name in names.items() if name is not None}


def _place(header: Sequence[str], name: str, field: str) -> int:
    matches = [place for place, other in enumerate(header) if other == name]
    folded = name.strip().casefold()
    matches = matches or [place for place, other in enumerate(header) if other.casefold() == folded]
    if len(matches) == 1:
        return matches[0]
    there = ", ".join(shown(other) for other in header[:20])
    if matches:
        raise BadRow(f"there are {len(matches)} columns called {name!r}; rename one of them (columns: {there})")
    raise BadRow(f"there is no column {name!r}; the columns are {there}: name the right one with --{field}-column")


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """Each record behind the header with the line it begins on; an error in place of one that cannot be read."""
    reader = _reader(text, delimiter, strict=True)
    next(reader)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, error
            continue
        if any(cell.strip() for cell in cells):
            yield line, cells


def _explained(error: csv.Error) -> str:
    words = str(error)
    if "end of data" in words or "field limit" in words:
        return 'a quote (") is opened and never closed, so everything behind it is lost; close it, or double it'
    return f'the quotes (") do not fit ({words}); write a quote inside a quoted cell twice'


def _caption(line: int, cells: Sequence[str], header: Sequence[str], places: Mapping[str, int]) -> Caption:
    if any(cell.strip() for cell in cells[len(header) :]):
        raise BadRow(
            f"has {len(cells)} cells where the header has {len(header)}; put a caption with a comma in it in quotes"
        )
    values = {field: cells[place].strip() if place < len(cells) else "" for field, place in places.items()}
    for field, value in values.items():
        if not value:
            raise BadRow(f"{header[places[field]]} is empty; fill it in or drop the row")
    caption, data_set = _words(values["caption"]), _words(values.get("set", ""))
    if not caption:
        raise BadRow(f"{header[places['caption']]} has no words; fill it in or drop the row")
    if len(caption) > MAX_QUERY:
        raise BadRow(f"{header[places['caption']]} has {len(caption)} characters; at most {MAX_QUERY} are read")
    grade = _grade(values["relevance"]) if "relevance" in values else 1.0
    return Caption(line, values["image"], caption, data_set, grade)


def _words(text: str) -> str:
    """The text with single spaces: one caption may be broken over lines here and not there."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())


def _grade(text: str) -> float:
    try:
        grade = float(text)
    except ValueError:
        grade = math.nan
    if not 0.0 <= grade < math.inf:
        raise BadRow(f"relevance is {shown(text)}; it must be a number, 0 for an image that is no answer")
    return grade
