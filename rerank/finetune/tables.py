"""An evaluation on labelled pairs as text and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rerank.bootstrap import Estimate
from rerank.finetune.evaluation import ModelFigures, PairReport, worst
from rerank.types import LABELS

WORST_ROWS = 10


def text_table(report: PairReport) -> str:
    """The figures for a terminal."""
    lines = [headline(report), ""]
    header, rows = _figures(report)
    lines += _aligned([header, *rows])
    lines += ["", "labels (rows) and verdicts (columns)"]
    table = [["", *LABELS]] + [
        [label, *map(str, row)] for label, row in zip(LABELS, report.model.confusion.tolist(), strict=True)
    ]
    lines += _aligned(table)
    if report.significance is not None:
        lines += ["", significance(report)]
    return "\n".join(lines)


def markdown(report: PairReport, *, picture: str | None = None, sheet: str | None = None) -> str:
    """A page: figures, confusion matrix, significance, and the worst rows."""
    header, rows = _figures(report)
    parts = [f"# Verdicts of {report.model.model}", headline(report) + "."]
    if picture is not None:
        parts.append(f"![figures]({picture})")
    parts.append(_piped([header, *rows]))
    if report.significance is not None:
        parts.append(significance(report) + ".")
    confused = [[label, *map(str, row)] for label, row in zip(LABELS, report.model.confusion.tolist(), strict=True)]
    parts.append("Labels (rows) and verdicts (columns):\n\n" + _piped([["", *LABELS], *confused]))
    wrong = _worst_rows(report)
    if wrong:
        parts.append("Wrong, those it was surest of first:\n\n" + _piped([_WORST_HEADER, *wrong]))
    if sheet is not None:
        parts.append(f"![worst]({sheet})")
    return "\n\n".join(parts) + "\n"


def headline(report: PairReport) -> str:
    """What was measured on what."""
    left_out = f", {len(report.problems)} rows left out" if report.problems else ""
    against = f" against {report.against.model}" if report.against else ""
    name = Path(report.table).name
    return f"{report.model.model}{against}: {report.rows} pairs on {report.images} pictures of {name}{left_out}"


def significance(report: PairReport) -> str:
    """McNemar's test in words."""
    found = report.significance
    if found is None:
        return ""
    verdict = "differ" if found.p_value < 0.05 else "cannot be told apart"
    p = "< 0.0001" if found.p_value < 1e-4 else f"= {found.p_value:.4f}"
    return (
        f"{found.only_after} rows right only now, {found.only_before} only before: McNemar's exact test, p {p}; "
        f"on these rows the two {verdict}"
    )


_WORST_HEADER = ["line", "hypothesis", "label", "verdict", "probability"]


def _worst_rows(report: PairReport) -> list[list[str]]:
    rows = []
    for place in worst(report.judged, WORST_ROWS):
        pair, found = report.judged.pairs[place], report.judged.probabilities[place]
        text = pair.hypothesis.replace("|", "\\|")
        rows.append([str(pair.line), text, pair.label or "", LABELS[int(found.argmax())], f"{found.max():.2f}"])
    return rows


def _figures(report: PairReport) -> tuple[list[str], list[list[str]]]:
    before = report.against
    header = ["", "before", "after", "difference"] if before else ["", report.model.model]
    names = ["accuracy", *[f"{label}:{name}" for label in LABELS for name in ("precision", "recall", "f1")], "f1"]
    rows = [_row(_title(name), name, report.model, before, report.differences.get(name)) for name in names]
    errors = [f"{one.calibration_error:.3f}" for one in (before, report.model) if one]
    rows.append(["calibration error", *errors, *([""] if before else [])])
    return header, rows


def _title(name: str) -> str:
    return "macro F1" if name == "f1" else name.replace(":", " ").replace(" f1", " F1")


def _row(
    title: str, name: str, model: ModelFigures, before: ModelFigures | None, difference: Estimate | None
) -> list[str]:
    cells = [_spoken(one.metrics[name]) for one in (before, model) if one]
    if difference is not None:
        cells.append(f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]")
    return [title, *cells]


def _spoken(one: Estimate) -> str:
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _piped(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
