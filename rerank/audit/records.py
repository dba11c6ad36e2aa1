"""A delimited file as records, such that what is wrong with one costs that one alone."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

# A quotation mark that is opened and never closed must not swallow the rest of the file.
MOST_LINES = 200
LONGEST_LINE = 1_000_000


@dataclass(frozen=True)
class Record:
    """The fields of a record and the line it begins on; ``problem`` says why they are none."""

    line: int
    fields: list[str]
    problem: str | None = None


class _Lines:
    """Physical lines with their numbers, some of which may be put back."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._back: deque[tuple[int, str]] = deque()
        self._number = 0
        self.taken: list[tuple[int, str]] = []
        self.wanting = False

    def take(self) -> str | None:
        """The next line, None at the end."""
        if self._back:
            self.taken.append(self._back.popleft())
            return self.taken[-1][1]
        line = self._stream.readline(LONGEST_LINE)
        if not line:
            return None
        self._number += 1
        if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
            while rest := self._stream.readline(LONGEST_LINE):
                if rest.endswith(("\n", "\r")):
                    break
        self.taken.append((self._number, line))
        return line

    def put_back_all_but_first(self) -> None:
        """Give all lines back that were taken since ``taken`` was emptied, but the first."""
        self._back.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def feed(self) -> Iterator[str]:
        """Lines for the reader of one record; an endless one ends after MOST_LINES."""
        self.wanting = False
        while len(self.taken) < MOST_LINES and (line := self.take()) is not None:
            yield line
        self.wanting = bool(self.taken)  # it asked for more than there is


def read_records(stream: TextIO, delimiter: str, width: int | None = None) -> Iterator[Record]:
    """The records of a stream opened with ``newline=""``; blank lines are none.

    Args:
        width: how many fields a record has; a record of several lines with another number of them was
            meant as a line with a stray quotation mark, and the lines behind it are read for themselves.
    """
    lines = _Lines(stream)
    while True:
        lines.taken.clear()
        try:
            fields = next(csv.reader(lines.feed(), delimiter=delimiter), None)
            problem = None
        except csv.Error as error:
            fields, problem = [], str(error)
        if fields is None:
            return
        number, first = lines.taken[0]
        if (len(lines.taken) > 1 or lines.wanting) and (problem or not _meant(lines.taken, delimiter, width)):
            lines.put_back_all_but_first()
            yield Record(number, [], "a quotation mark is opened and not closed")
        elif len(first) >= LONGEST_LINE:
            yield Record(number, [], f"a line is longer than {LONGEST_LINE:,} characters")
        elif problem:
            yield Record(number, [], problem)
        elif fields and first.strip("\r\n"):
            yield Record(number, fields)


def _meant(lines: list[tuple[int, str]], delimiter: str, width: int | None) -> bool:
    """Whether several lines are one record: the quotation mark that closes it stands where one may."""
    try:
        fields = next(csv.reader((line for _, line in lines), delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return width is None or len(fields) == width
