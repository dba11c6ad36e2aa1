"""``veralens audit``: a verdict for every row of a table, and reports of it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from api import console
from api.commands import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rerank.audit import Policy, Summary, Table
    from rerank.audit.finding import Find

SHOWN_FAILURES = 20

Outputs = Annotated[
    list[Path] | None,
    typer.Option("--output", "-o", metavar="FILE", help="A report: .xlsx, .csv, .jsonl or .html. May be repeated."),
]
Root = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where the rows' paths begin.  (default: beside the table)")
]
Lang = Annotated[str, typer.Option(metavar="en|zh", help="The language of the reports.")]
Prepare = Annotated[
    str, typer.Option(metavar="HOW", help="How pictures become square: stretch, letterbox (grey fill) or crop.")
]
AcceptAbove = Annotated[
    float | None, typer.Option(metavar="P", min=0.0, max=1.0, help="Accept from this entailment.  (default: 0.5)")
]
RejectAbove = Annotated[
    float | None, typer.Option(metavar="P", min=0.0, max=1.0, help="Reject from this contradiction.  (default: 0.5)")
]
RejectBelow = Annotated[
    float | None, typer.Option(metavar="P", min=0.0, max=1.0, help="Reject below this entailment.  (default: 0)")
]
FitPolicy = Annotated[
    bool, typer.Option("--fit-policy", help="Fit the thresholds from the rows with an expected label.")
]
AllowUrls = Annotated[
    bool, typer.Option("--allow-urls", help="Fetch pictures that are at URLs, from public addresses only.")
]


def audit(
    table: Annotated[Path, typer.Argument(metavar="PAIRS.csv", help="A table of pictures and texts, or JSON Lines.")],
    output: Outputs = None,
    image_column: Annotated[str, typer.Option(metavar="NAME", help="The column of paths, ids or URLs.")] = "image",
    text_column: Annotated[str, typer.Option(metavar="NAME", help="The column of texts.")] = "text",
    premise_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="What is known beside the picture.  (default: premise)")
    ] = None,
    expected_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="The right verdicts.  (default: expected)")
    ] = None,
    collection: Annotated[
        Path | None, typer.Option("--collection", "-c", metavar="DIR", help="Where image ids are looked up.")
    ] = None,
    root: Root = None,
    allow_urls: AllowUrls = False,
    lang: Lang = "en",
    prepare: Prepare = "stretch",
    accept_above: AcceptAbove = None,
    reject_above: RejectAbove = None,
    reject_below: RejectBelow = None,
    policy: Annotated[Path | None, typer.Option(metavar="FILE", help="Thresholds from a JSON file.")] = None,
    fit_policy: FitPolicy = False,
    precision: Annotated[float, typer.Option(metavar="P", help="What --fit-policy is to reach.")] = 0.95,
    save_policy: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the thresholds in use.")] = None,
    thumbnails: Annotated[
        int, typer.Option(metavar="N", min=0, max=50_000, help="Rows with a picture in the workbook.")
    ] = 2_000,
    mismatches: Annotated[int, typer.Option(metavar="N", min=0, max=20_000, help="Cards on the contact sheet.")] = 500,
    delimiter: Annotated[str | None, typer.Option(metavar="C", help="Of the table.  (default: found out)")] = None,
    encoding: Annotated[str | None, typer.Option(metavar="NAME", help="Of the table.  (default: found out)")] = None,
    journal: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep what is found out here, for other reports of it.")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Throw away what a killed audit has left.")] = False,
    models: options.Models = None,
    reranker: options.Reranker = None,
    adapter: options.Adapter = None,
    as_json: options.Json = False,
) -> None:
    """Judge every row of a table of pictures and texts, and write reports of it.

    A killed audit goes on where it stopped when it is started again in the same way. Exits 1 when rows failed: the
    reports name them, each with its reason.
    """
    from rerank.audit import Columns, Options, Table, check_outputs
    from rerank.audit import audit as run
    from rerank.errors import InputError
    from rerank.preparation import check_preparation

    if lang not in ("en", "zh"):
        raise InputError(f"--lang {lang}: reports are written in en or zh")
    if root is not None and not root.is_dir():
        raise InputError(f"--root {root}: no such folder")
    outputs = output or []
    if not outputs and not as_json:
        raise InputError("name a report with -o, such as -o report.xlsx, or ask for the summary alone with --json")
    check_outputs(outputs)
    thresholds = _policy(policy, accept_above, reject_above, reject_below, fit_policy=fit_policy)
    columns = Columns(image_column, text_column, premise_column, expected_column)
    chosen = Options(check_preparation(prepare), "zh" if lang == "zh" else "en", thumbnails, mismatches)
    opened = Table.open(table, columns, delimiter=delimiter, encoding=encoding)
    settings = options.settings_for(collection, models=models, reranker=reranker, adapter=adapter)
    with ExitStack() as stack:
        where = journal or (None if outputs else Path(stack.enter_context(TemporaryDirectory())))
        judge = stack.enter_context(options.loaded_reranker(settings))
        pictures = _pictures(stack, opened, root, collection, allow_urls=allow_urls)
        progress = stack.enter_context(console.progress("judging"))
        summary = run(
            *(opened, judge, outputs),
            root=root,
            find=pictures,
            policy=thresholds,
            fit_precision=precision if fit_policy else None,
            options=chosen,
            journal=where,
            keep_journal=journal is not None,
            restart=restart,
            progress=progress,
        )
    if save_policy is not None:
        _save(summary, save_policy)
    _show(summary, [*outputs, *([save_policy] if save_policy else [])], as_json)
    if summary.counts["failed"]:
        raise typer.Exit(1)


def _policy(
    file: Path | None, accept: float | None, reject: float | None, below: float | None, *, fit_policy: bool
) -> Policy:
    """The thresholds that were asked for.

    Raises:
        InputError: they are asked for in two ways.
    """
    from rerank.audit import Policy
    from rerank.errors import InputError

    named = {"accept_above": accept, "reject_above": reject, "reject_below": below}
    given = {name: value for name, value in named.items() if value is not None}
    if fit_policy and (given or file):
        raise InputError("--fit-policy finds the thresholds itself: leave --policy, --accept-above and the like out")
    if file is None:
        return Policy.of(given, "thresholds")
    if given:
        raise InputError("--policy names a file of thresholds: leave --accept-above and the like out, or the file")
    return Policy.read(file)


def _pictures(stack: ExitStack, table: Table, root: Path | None, collection: Path | None, *, allow_urls: bool) -> Find:
    """What finds the rows' pictures: files, and ids and URLs where that was asked for."""
    from api.audit_pictures import guarded_fetch, of_shelf
    from rerank.audit import PictureFinder
    from retrieval import Collection

    ids = None
    if collection is not None:
        ids = partial(of_shelf, stack.enter_context(Collection.open(collection)))
    fetch = stack.enter_context(guarded_fetch()) if allow_urls else None
    return PictureFinder(root or table.path.parent, ids=ids, fetch=fetch)


def _save(summary: Summary, path: Path) -> None:
    """Write the thresholds in use, which `--policy` reads."""
    values = summary.fitted.to_dict() if summary.fitted is not None else asdict(summary.policy)
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _show(summary: Summary, written: Sequence[Path], as_json: bool) -> None:
    """The summary: as one document, or for people."""
    if as_json:
        console.document({**summary.to_dict(), "reports": [str(path) for path in written]})
    else:
        counts = ", ".join(f"{name} {count:,}" for name, count in summary.counts.items())
        decisions = ", ".join(f"{name} {count:,}" for name, count in summary.decisions.items())
        rows = [("rows", f"{summary.rows:,}"), ("verdicts", counts), ("decisions", decisions)]
        if summary.accuracy is not None:
            rows.append(("accuracy", f"{summary.accuracy:.3f} of {summary.labelled:,} labelled rows"))
        console.fields(rows)
    _note_policy(summary)
    for note in summary.notes:
        console.note(f"note: {note}")
    for one in summary.first_failures[:SHOWN_FAILURES]:
        console.note(f"  row {one.row.number} (line {one.row.line}): {one.outcome.problem}")
    if summary.counts["failed"] > SHOWN_FAILURES:
        console.note(f"  and {summary.counts['failed'] - SHOWN_FAILURES:,} more: the reports list them all")
    for path in written:
        console.note(f"written: {path}")


def _note_policy(summary: Summary) -> None:
    """What a fitted policy reaches, and what is to be said about it."""
    if summary.fitted is None:
        return
    for name, side in (("accept", summary.fitted.accept), ("reject", summary.fitted.reject)):
        if side.precision is not None:
            console.note(
                f"{name} from {side.threshold:.4f}: precision {side.precision:.3f} (at least {side.low or 0.0:.3f}), "
                f"coverage {side.coverage:.3f}"
            )
    for warning in summary.fitted.warnings:
        console.note(f"warning: {warning}")
