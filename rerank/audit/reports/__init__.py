"""The forms in which an audit is handed on: workbook, CSV, JSON Lines, contact sheet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rerank.audit.reports.base import Report
from rerank.audit.reports.contact_sheet import ContactSheet
from rerank.audit.reports.lines import CsvReport, JsonLinesReport
from rerank.audit.table import Table
from rerank.audit.types import Language
from rerank.audit.wording import wording
from rerank.errors import InputError

if TYPE_CHECKING:
    from rerank.audit.reports.workbook import WorkbookReport

SUFFIXES = (".xlsx", ".csv", ".jsonl", ".html")

__all__ = ["SUFFIXES", "Report", "check_outputs", "open_report"]


def check_outputs(outputs: list[Path]) -> None:
    """Refuse what cannot be written, before hours of work.

    Raises:
        InputError: a suffix is not known, a folder is missing, or one file is named twice.
    """
    for path in outputs:
        if path.suffix.lower() not in SUFFIXES:
            raise InputError(f"-o {path}: a report is one of {', '.join(SUFFIXES)}; name a file that ends so")
        if not path.parent.is_dir():
            raise InputError(f"-o {path}: there is no folder {path.parent}; make it first")
        if path.is_dir():
            raise InputError(f"-o {path}: is a folder; name a file")
        if path.suffix.lower() == ".xlsx":
            _workbook()
    if len({path.absolute() for path in outputs}) < len(outputs):
        raise InputError("-o: one file is named twice")


def _workbook() -> type[WorkbookReport]:
    """The workbook's writer, loaded when it is asked for: the others need nothing that is not here."""
    try:
        from rerank.audit.reports.workbook import WorkbookReport
    except ImportError:
        raise InputError("an .xlsx report needs xlsxwriter; pip install 'veralens[audit]'") from None
    return WorkbookReport


def open_report(path: Path, table: Table, language: Language, thumbnails: int, mismatches: int, parts: Path) -> Report:
    """A report by the suffix of its file; ``parts`` is a folder for what it writes on the way.

    Raises:
        InputError: the suffix is not known.
    """
    check_outputs([path])
    words, has_premise, has_expected = (
        wording(language),
        table.places.premise is not None,
        table.places.expected is not None,
    )
    match path.suffix.lower():
        case ".xlsx":
            return _workbook()(path, words, table, thumbnails, parts)
        case ".csv":
            return CsvReport(path, words, table.extras, has_premise=has_premise, has_expected=has_expected)
        case ".jsonl":
            return JsonLinesReport(path, table.extras)
        case _:
            return ContactSheet(path, words, mismatches)
