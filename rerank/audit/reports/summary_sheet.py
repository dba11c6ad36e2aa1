"""The workbook's first sheet: counts, charts, the policy, and how right the verdicts are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from rerank.audit.cells import fitted
from rerank.audit.reports.styles import CHART, Styles
from rerank.audit.summary import COUNTS, Summary
from rerank.audit.types import DECISIONS
from rerank.audit.wording import Wording
from rerank.types import LABELS


def fill_summary(
    book: Workbook, sheet: Worksheet, styles: Styles, words: Wording, summary: Summary, thumbnails: int
) -> None:
    """Fill the sheet from top to bottom, which is the order that constant memory asks for."""
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 4, 15)
    sheet.hide_gridlines(2)
    fit_to_paper(sheet)
    page = _Page(sheet, styles, words)
    page.line_of(words.title, style=styles.title)
    page.skip()
    for name, value in (("table", summary.table), ("model", summary.model), ("prepare", summary.prepare)):
        page.pair(words[name], value)
    page.pair(words["total"], summary.rows)
    page.skip()
    charted = [page.counts(words.verdicts, COUNTS, summary.counts)]
    page.skip()
    charted.append(page.counts(words.decisions, DECISIONS, summary.decisions))
    page.skip()
    _policy(page, summary)
    _expected(page, summary)
    for note in _notes(words, summary, thumbnails):
        page.pair(words["note"], note)
    for place, (title, names, first) in enumerate(
        zip((words.verdicts, words.decisions), (COUNTS, DECISIONS), charted, strict=True)
    ):
        sheet.insert_chart(1 + place * 16, 6, _chart(book, words, title, names, first), {"object_position": 2})


def fit_to_paper(sheet: Worksheet) -> None:
    """Print a sheet across, all its columns on one page."""
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)


class _Page:
    """A sheet that is written line by line."""

    def __init__(self, sheet: Worksheet, styles: Styles, words: Wording) -> None:
        self._sheet = sheet
        self.styles = styles
        self.words = words
        self._line = 0

    def skip(self) -> None:
        self._line += 1

    def line_of(self, *cells: str | float, style: object = None, first: object = None) -> int:
        """Write cells beside each other; the line that they are on."""
        for column, cell in enumerate(cells):
            chosen = first if column == 0 and first is not None else style
            if isinstance(cell, str):
                self._sheet.write_string(self._line, column, fitted(cell), chosen)
            else:
                self._sheet.write_number(self._line, column, cell, chosen)
        self._line += 1
        return self._line - 1

    def pair(self, name: str, value: str | float, style: object = None) -> None:
        self.line_of(name, value, style=style if style is not None else self.styles.count)

    def counts(self, title: str, names: Sequence[str], counts: Mapping[str, int]) -> int:
        """Numbers and shares by name; the line of the first."""
        total = sum(counts.values())
        self.line_of(
            title, self.words["count"], self.words.share, style=self.styles.right_heading, first=self.styles.heading
        )
        first = self._line
        for name in names:
            self._sheet.write_string(self._line, 0, self.words[name], self.styles.of(name))
            self._sheet.write_number(self._line, 1, counts[name], self.styles.count)
            self._sheet.write_number(self._line, 2, counts[name] / total if total else 0.0, self.styles.share)
            self._line += 1
        return first


def _policy(page: _Page, summary: Summary) -> None:
    words, styles, fitted_policy = page.words, page.styles, summary.fitted
    page.line_of(words.fitted if fitted_policy else words.thresholds, style=styles.heading)
    for name, value in asdict(summary.policy).items():
        page.pair(words[name], value if value <= 1.0 else "–", styles.threshold)
    if fitted_policy is not None:
        page.skip()
        page.line_of(
            "",
            words["precision"],
            words["low"],
            words["held_out"],
            words["coverage"],
            style=styles.right_heading,
            first=styles.heading,
        )
        for name, side in (("accept", fitted_policy.accept), ("reject", fitted_policy.reject)):
            values = (side.precision, side.low, side.held_out, side.coverage)
            shown = ["–" if value is None else value for value in values]
            page.line_of(words[name], *shown, style=styles.share, first=styles.of(name))
    page.skip()


def _expected(page: _Page, summary: Summary) -> None:
    """Accuracy and the confusion matrix, where labels were expected."""
    words, styles = page.words, page.styles
    if summary.accuracy is None:
        return
    page.pair(words["labelled"], summary.labelled)
    page.pair(words.accuracy, summary.accuracy, styles.share)
    page.skip()
    page.line_of(words.confusion, *(words[one] for one in LABELS), style=styles.right_heading, first=styles.heading)
    for expected in LABELS:
        row = summary.confusion[expected]
        page.line_of(words[expected], *(row[label] for label in LABELS), style=styles.count, first=styles.of(expected))
    page.skip()


def _notes(words: Wording, summary: Summary, thumbnails: int) -> list[str]:
    notes = list(summary.notes)
    if summary.fitted is not None:
        notes += summary.fitted.warnings
    if 0 < thumbnails < summary.rows:
        notes.append(words.thumbnails_capped.format(shown=thumbnails))
    return notes


def _chart(book: Workbook, words: Wording, title: str, names: Sequence[str], first: int) -> object:
    """Columns of counts, in the colours of the cells. What a chart names its cells by is no formula of a cell."""
    chart = book.add_chart({"type": "column"})
    last = first + len(names) - 1
    chart.add_series(
        {
            "name": words["count"],
            "categories": [words.summary, first, 0, last, 0],
            "values": [words.summary, first, 1, last, 1],
            "points": [{"fill": {"color": CHART[name]}} for name in names],
            "data_labels": {"value": True},
            "gap": 60,
        }
    )
    chart.set_title({"name": title, "name_font": {"size": 12}})
    chart.set_legend({"none": True})
    chart.set_y_axis({"major_gridlines": {"visible": True, "line": {"color": "#E5E7EB"}}, "min": 0})
    chart.set_size({"width": 460, "height": 300})
    return chart
