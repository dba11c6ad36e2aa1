"""The workbook: a summary with charts, every row with its picture, and the failures; written in constant memory."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xlsxwriter
from PIL import Image
from xlsxwriter.worksheet import Worksheet

from rerank.audit.cells import fitted
from rerank.audit.reports.base import Aside
from rerank.audit.reports.styles import Styles
from rerank.audit.reports.summary_sheet import fill_summary, fit_to_paper
from rerank.audit.summary import Summary
from rerank.audit.table import Table
from rerank.audit.types import AuditedRow
from rerank.audit.wording import Wording
from rerank.types import LABELS

# Rows of a sheet, its header included.
SHEET_ROWS = 1_048_576
# Pixels that a thumbnail is shown at, and the height of its row.
_SHOWN = 76
_ROW_PIXELS = 82
_WIDTHS: dict[str, int] = {
    **{"row": 7, "thumbnail": 12, "image": 28, "text": 44, "premise": 32, "verdict": 15, "decision": 12},
    **dict.fromkeys(LABELS, 13),
    **{"expected": 15, "correct": 12, "problem": 34, "line": 10},
}
_LEFT = ("image", "text", "premise", "problem")
# Nothing that was given ever becomes a formula, a link or a number.
_AS_GIVEN = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


class WorkbookReport:
    """One .xlsx file. Every cell is a number of ours or a string; there is no formula in it.

    Rows leave the memory as they are written. Thumbnails do not, which is why only the first ``thumbnails`` rows have
    one. A sheet that is full is followed by another.
    """

    def __init__(
        self, path: Path, words: Wording, table: Table, thumbnails: int, parts: Path, sheet_rows: int = SHEET_ROWS
    ) -> None:
        self._aside = Aside(path)
        self._words = words
        self._table = table
        self._thumbnails = thumbnails
        self._sheet_rows = sheet_rows
        options = {"constant_memory": True, "tmpdir": str(parts), **_AS_GIVEN}
        self._book = xlsxwriter.Workbook(str(self._aside.part), options)
        self._book.use_zip64()  # a million rows may come to more than 4 GB
        self._book.set_properties({"title": words.title, "comments": "", "author": "Veralens"})
        self._styles = Styles(self._book)
        self._columns = self._names()
        self._summary = self._book.add_worksheet(words.summary)
        self._rows = _Sheets(self, words.rows, self._columns, table.extras)
        self._failures: _Sheets | None = None

    def write(self, audited: AuditedRow) -> None:
        """Add one row."""
        sheet, line = self._rows.next()
        row, style = audited.row, self._styles.of(audited.label)
        thumbnail = audited.outcome.thumbnail if row.number <= self._thumbnails else None
        if thumbnail is not None:
            sheet.set_row_pixels(line, _ROW_PIXELS)
        for column, name in enumerate(self._columns):
            self._cell(sheet, line, column, name, audited, style)
        for column, value in enumerate(row.extras, start=len(self._columns)):
            sheet.write_string(line, column, fitted(value), self._styles.text)
        if thumbnail is not None:
            self._picture(sheet, line, thumbnail, row.number)
        if audited.label is None:
            self._failure(audited)

    def finish(self, summary: Summary) -> None:
        """Write what is known at the end, and give the file its name."""
        self._rows.close()
        if self._failures is not None:
            self._failures.close()
        fill_summary(self._book, self._summary, self._styles, self._words, summary, self._thumbnails)
        self._summary.activate()
        self._book.close()
        self._aside.publish()

    def abandon(self) -> None:
        """Leave nothing."""
        for sheet in self._book.worksheets():
            for name in ("row_data_fh", "fh"):
                file = getattr(sheet, name, None)
                if file is not None:
                    file.close()
        self._book.fileclosed = True  # otherwise it complains when it is collected
        self._aside.remove()

    def new_sheet(self, title: str, columns: Sequence[str], extras: Sequence[str]) -> Worksheet:
        """A sheet with its header, which stays in view; ``extras`` are called as they were."""
        sheet = self._book.add_worksheet(title)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        fit_to_paper(sheet)
        for column, name in enumerate(columns):
            sheet.set_column(column, column, _WIDTHS[name])
            style = self._styles.header if name in _LEFT else self._styles.middle_header
            sheet.write_string(0, column, self._words[name], style)
        for column, name in enumerate(extras, start=len(columns)):
            sheet.set_column(column, column, 20)
            sheet.write_string(0, column, fitted(name), self._styles.header)
        return sheet

    @property
    def sheet_rows(self) -> int:
        """How many rows a sheet takes."""
        return self._sheet_rows

    def _names(self) -> list[str]:
        places = self._table.places
        names = ["row", *["thumbnail"] * (self._thumbnails > 0), "image", "text"]
        names += [*["premise"] * (places.premise is not None), "verdict", "decision", *LABELS]
        return [*names, *["expected", "correct"] * (places.expected is not None), "problem"]

    def _cell(self, sheet: Worksheet, line: int, column: int, name: str, audited: AuditedRow, style: Any) -> None:
        row, verdict = audited.row, audited.outcome.verdict
        if name == "row":
            sheet.write_number(line, column, row.number, self._styles.number)
        elif name in LABELS:
            if verdict is not None:
                sheet.write_number(line, column, round(getattr(verdict, name), 6), self._styles.probability)
        elif name == "verdict":
            sheet.write_string(line, column, self._words[audited.label or "failed"], style)
        elif name == "decision":
            if audited.decision is not None:
                sheet.write_string(line, column, self._words[audited.decision], self._styles.of(audited.decision))
        elif name == "correct":
            if audited.correct is not None:
                sheet.write_string(line, column, self._words["yes" if audited.correct else "no"], self._styles.text)
        elif name != "thumbnail":
            value = {
                "image": row.image_name,
                "text": row.text,
                "premise": row.premise,
                "expected": self._words[row.expected] if row.expected else "",
                "problem": audited.outcome.problem,
            }[name]
            sheet.write_string(line, column, fitted(value or ""), self._styles.text)

    def _picture(self, sheet: Worksheet, line: int, thumbnail: bytes, number: int) -> None:
        with Image.open(io.BytesIO(thumbnail), formats=("JPEG",)) as image:
            scale = min(1.0, _SHOWN / max(image.size))
        options = {
            "image_data": io.BytesIO(thumbnail),
            **{"x_scale": scale, "y_scale": scale, "x_offset": 3, "y_offset": 3},
            "object_position": 1,  # goes with its row when rows are sorted or filtered
            "description": f"{self._words['row']} {number}",
        }
        sheet.insert_image(line, 1, f"{number}.jpg", options)

    def _failure(self, audited: AuditedRow) -> None:
        if self._failures is None:
            names = ["row", "line", "image", "text", "problem"]
            self._failures = _Sheets(self, self._words.failures, names, ())
        sheet, line = self._failures.next()
        row = audited.row
        sheet.write_number(line, 0, row.number, self._styles.number)
        sheet.write_number(line, 1, row.line, self._styles.number)
        for column, value in enumerate((row.image_name, row.text, audited.outcome.problem or ""), start=2):
            sheet.write_string(line, column, fitted(value), self._styles.text)


class _Sheets:
    """A table over as many sheets as it needs."""

    def __init__(self, report: WorkbookReport, title: str, columns: Sequence[str], extras: Sequence[str]) -> None:
        self._report = report
        self._title = title
        self._columns, self._extras = columns, extras
        self._count = 0
        self._line = 0
        self._sheet = self._open()

    def next(self) -> tuple[Worksheet, int]:
        """The sheet and the line of the next row."""
        if self._line + 1 >= self._report.sheet_rows:
            self.close()
            self._sheet = self._open()
        self._line += 1
        return self._sheet, self._line

    def close(self) -> None:
        """Put the filter over what is there."""
        self._sheet.autofilter(0, 0, self._line, len(self._columns) + len(self._extras) - 1)

    def _open(self) -> Worksheet:
        self._count += 1
        self._line = 0
        title = self._title if self._count == 1 else f"{self._title} {self._count}"
        return self._report.new_sheet(title, self._columns, self._extras)
