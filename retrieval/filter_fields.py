"""What can be filtered by, and what values each field takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

COMPARED = "= != < <= > >="
EQUAL = "= !="
MAX_STARS = 8
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", re.ASCII)
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)
_FORMATS = {"JPG": "JPEG", "TIF": "TIFF", "HEIC": "HEIF"}
_LARGEST = 2**63 - 1
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True)
class Span:
    """A stretch of time: nanoseconds since 1970, the end not included."""

    start: int
    end: int


Value = str | int | Span


@dataclass(frozen=True)
class Field:
    """One thing to filter by: the operators it takes, how its values are read, and an example."""

    operators: str
    read: Callable[[str], Value]
    example: str


def words_of(text: str) -> list[str]:
    """The words of a caption, without regard to case."""
    return _WORDS.findall(text.casefold())


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in value):
        raise ValueError("holds a character that no text has")
    return value


def _glob(value: str) -> str:
    # Each star may have to be tried at every place of every path.
    if value.count("*") > MAX_STARS:
        raise ValueError(f"has more than {MAX_STARS} stars")
    return _text(value)


def _words(value: str) -> str:
    if not words_of(_text(value)):
        raise ValueError(f"{value!r} holds no word")
    return value


def _format(value: str) -> str:
    name = _text(value).strip().lstrip(".").upper()
    return _FORMATS.get(name, name)


def _pixels(value: str) -> int:
    if not re.fullmatch(r"\d{1,18}", value, re.ASCII):
        raise ValueError(f"{value!r} is not a whole number of pixels, such as 1920")
    return int(value)


def _bytes(value: str) -> int:
    found = _SIZE.fullmatch(value.strip())
    unit = found[2].upper() if found else ""
    if found is None or unit not in _UNITS or len(found[1]) > 18:
        raise ValueError(f"{value!r} is not a size, such as 500000, 500KB or 2.5MB")
    return min(_LARGEST, round(float(found[1]) * _UNITS[unit]))


def _date(value: str) -> Span:
    """A year, month or day of the machine's local time, as file managers show it."""
    found = _DATE.fullmatch(value.strip())
    try:
        if found is None:
            raise ValueError
        year, month, day = (int(part) if part else None for part in found.groups())
        start = datetime(year or 0, month or 1, day or 1)
        if day is not None:
            end = start + timedelta(days=1)
        elif month is not None:
            end = datetime(start.year + month // 12, month % 12 + 1, 1)
        else:
            end = datetime(start.year + 1, 1, 1)
        return Span(*(round(moment.timestamp()) * 10**9 for moment in (start, end)))
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{value!r} is not a date, such as 2024, 2024-05 or 2024-05-17") from None


FIELDS = {
    "folder": Field(EQUAL, _text, 'folder = "2024/italy"'),
    "path": Field(EQUAL, _glob, 'path = "*.png"'),
    "tag": Field(EQUAL, _text, "tag = holiday"),
    "caption": Field(EQUAL, _words, 'caption = "red shirt"'),
    "format": Field(EQUAL, _format, "format = png"),
    "width": Field(COMPARED, _pixels, "width >= 1000"),
    "height": Field(COMPARED, _pixels, "height < 500"),
    "size": Field(COMPARED, _bytes, "size > 2MB"),
    "date": Field(COMPARED, _date, "date >= 2024-05-17"),
}


def read_value(field: str, text: str) -> Value:
    """The value that ``text`` stands for; ValueError says what is wrong with it."""
    return FIELDS[field].read(text)


def operators_of(field: str) -> str:
    """The operators that a field takes, spaces between them."""
    return FIELDS[field].operators


def field_list() -> str:
    """The names of all fields, for messages."""
    names = list(FIELDS)
    return ", ".join(names[:-1]) + " and " + names[-1]
