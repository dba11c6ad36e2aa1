"""``audit``: a table in, reports out, in one call that can be killed and repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rerank.audit.columns import Columns
from rerank.audit.finding import Find, PictureFinder
from rerank.audit.journal import Journal, remove_journal
from rerank.audit.policy import Policy
from rerank.audit.reports import check_outputs
from rerank.audit.run import Options, fit_policy, judge_rows, write_reports
from rerank.audit.summary import Summary
from rerank.audit.table import Table
from rerank.audit.types import Judge, Progress
from rerank.decoding.pool import DecoderPool
from rerank.errors import InputError
from rerank.preparation import check_preparation


def journal_beside(output: Path) -> Path:
    """Where an audit keeps what it has found out until ``output`` is written."""
    return output.with_name(f"{output.name}.audit")


def journal_key(table: Table, judge: Judge, options: Options, root: Path | None) -> str:
    """What a journal must agree on to be gone on with: table, columns, model, preparation, where pictures lie."""
    model = [judge.name, *(str(getattr(judge, name, "")) for name in ("fingerprint", "image_fingerprint"))]
    where = (root or table.path.parent).resolve()
    return "\n".join([table.fingerprint, *model, options.prepare, str(where)])


def audit(
    table: Table | Path | str,
    judge: Judge,
    outputs: Sequence[Path | str],
    *,
    columns: Columns | None = None,
    root: Path | None = None,
    find: Find | None = None,
    decoders: DecoderPool | None = None,
    policy: Policy | None = None,
    fit_precision: float | None = None,
    options: Options | None = None,
    journal: Path | None = None,
    keep_journal: bool = False,
    restart: bool = False,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Summary:
    """Judge every row of a table and write reports: .xlsx, .csv, .jsonl or .html, by suffix.

    Memory does not grow with the rows. What is killed goes on where it stopped when it is called again with the same
    arguments: outcomes lie in a journal beside the first output until the reports are written.

    Args:
        judge: an ``EntailmentReranker``.
        root: where relative paths begin; None is the table's folder.
        find: how a row's picture is found; None knows files below ``root`` and data URIs.
        policy: from verdicts to decisions; a wanted ``fit_precision`` fits one from the labelled rows instead.
        restart: throw away what an earlier audit has left there.

    Raises:
        InputError: what cannot be read, written or gone on with, and the remedy.
        AuditCancelled: ``cancelled`` was true.
    """
    options = options or Options()
    paths = [Path(one) for one in outputs]
    check_outputs(paths)
    check_preparation(options.prepare)
    if not paths and journal is None:
        raise InputError("name a report to be written, such as report.xlsx")
    if not isinstance(table, Table):
        table = Table.open(Path(table), columns)
    where = journal or journal_beside(paths[0])
    if restart:
        remove_journal(where)
    finder = find or PictureFinder(root or table.path.parent)
    pool = decoders or DecoderPool()
    try:
        with Journal(where, journal_key(table, judge, options, root)) as book:
            judge_rows(table, judge, book, finder, pool, options=options, progress=progress, cancelled=cancelled)
            fitted = None if fit_precision is None else fit_policy(table, book, fit_precision)
            summary = write_reports(
                table, book, paths, model=judge.name, policy=policy, fitted=fitted, options=options, progress=progress
            )
    finally:
        if decoders is None:
            pool.close()
    if not keep_journal:
        remove_journal(where)
    return summary
