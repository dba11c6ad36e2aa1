"""An audit as a whole: rows judged into a journal, then reports written from it."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rerank.audit.finding import Find
from rerank.audit.fitting import FittedPolicy, Fitting
from rerank.audit.journal import Journal
from rerank.audit.judging import judged
from rerank.audit.pictures import PictureReader
from rerank.audit.policy import Policy
from rerank.audit.reports import Report, open_report
from rerank.audit.summary import Summary
from rerank.audit.table import Table
from rerank.audit.types import AuditCancelled, AuditedRow, AuditRow, Judge, Language, Outcome, Progress
from rerank.decoding.pool import DecoderPool
from rerank.preparation import Preparation

THUMBNAILS = 2_000
MISMATCHES = 500
Watch = Callable[[Sequence[AuditRow], Sequence[Outcome]], None]
# A model that does not say what size it looks at.
USUAL_SIZE = 480


@dataclass(frozen=True)
class Options:
    """How an audit is done.

    ``thumbnails`` is how many rows have a picture in the workbook, ``mismatches`` how many cards the contact sheet
    has: both cost memory when the reports are written, all else is streamed.
    """

    prepare: Preparation = "stretch"
    language: Language = "en"
    thumbnails: int = THUMBNAILS
    mismatches: int = MISMATCHES


def judge_rows(
    table: Table,
    judge: Judge,
    journal: Journal,
    find: Find,
    decoders: DecoderPool,
    *,
    options: Options | None = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Judge the rows of ``table`` that ``journal`` does not hold yet.

    Args:
        watch: called with each window's rows and outcomes once they are in the journal.

    Raises:
        AuditCancelled: ``cancelled`` was true between two windows.
        InputError: the table changed meanwhile.
    """
    options = options or Options()
    rows = itertools.islice(table.rows(), journal.done, None)
    if progress is not None:
        progress(journal.done, table.count)
    size = int(getattr(judge, "image_size", USUAL_SIZE))
    with PictureReader(find, decoders, options.prepare, size) as pictures:
        for window, outcomes in judged(rows, judge, pictures):
            journal.append(outcomes, [_kept(options, journal, place, one) for place, one in enumerate(outcomes)])
            if watch is not None:
                watch(window, outcomes)
            if progress is not None:
                progress(journal.done, table.count)
            if cancelled():
                raise AuditCancelled
    journal.sync()
    table.check_unchanged()


def _kept(options: Options, journal: Journal, place: int, outcome: Outcome) -> bool:
    """Whether a row's thumbnail is kept: the first ones', and those of mismatches behind them."""
    if journal.done + place < options.thumbnails:
        return True
    room = journal.thumbnails < options.thumbnails + options.mismatches
    return room and outcome.verdict is not None and outcome.verdict.label == "contradiction"


def fit_policy(table: Table, journal: Journal, precision: float) -> FittedPolicy:
    """Thresholds of this precision from the rows that have an expected label.

    Raises:
        InputError: there are none.
    """
    fitting = Fitting()
    for row, outcome in zip(table.rows(), journal.outcomes(), strict=True):
        if outcome.verdict is not None and row.expected is not None:
            fitting.add(outcome.verdict, row.expected)
    return fitting.fit(precision)


def write_reports(
    table: Table,
    journal: Journal,
    outputs: Sequence[Path],
    *,
    model: str,
    title: str | None = None,
    policy: Policy | None = None,
    fitted: FittedPolicy | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Write each report whole or not at all, all of them in one pass over table and journal.

    ``title`` is what the table is called in them; None takes its file's name.

    Raises:
        InputError: an output's suffix is not known, or the table changed meanwhile.
    """
    options = options or Options()
    policy = fitted.policy if fitted is not None else policy or Policy()
    summary = Summary(model, title or table.path.name, policy, fitted, options.prepare, list(table.notes))
    parts = journal.directory / "parts"
    parts.mkdir(exist_ok=True)
    reports: list[Report] = []
    try:
        for path in outputs:
            reports.append(open_report(path, table, options.language, options.thumbnails, options.mismatches, parts))
        for row, outcome in zip(table.rows(), journal.outcomes(), strict=True):
            decision = None if outcome.verdict is None else policy.decide(outcome.verdict)
            audited = AuditedRow(row, outcome, decision)
            summary.add(audited)
            for report in reports:
                report.write(audited)
            if progress is not None and row.number % 1000 == 0:
                progress(row.number, table.count)
        table.check_unchanged()
        for report in reports:
            report.finish(summary)
    except BaseException:
        for report in reports:
            report.abandon()
        raise
    finally:
        shutil.rmtree(parts, ignore_errors=True)
    return summary
