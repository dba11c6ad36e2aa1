"""A report for reading: as plain text for a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from rerank.bootstrap import Estimate
from retrieval.evaluation.asking import Outcome
from retrieval.evaluation.metrics import TITLES
from retrieval.evaluation.report import Comparison, Report, SetReport

MOST_PROBLEMS = 50
MOST_MOVES = 5
MOST_REASONS = 5


def headline(report: Report) -> str:
    """What was evaluated, in one line."""
    found = report.conditions
    models = f"encoder {found.encoder}"
    if found.reranker is not None:
        models += f", reranker {found.reranker} (fusion weight {found.fusion_weight:g})"
    return f"{found.collection}: {found.images:,} images, {models}, {found.candidates} candidates"


def parts(report: Report) -> list[SetReport]:
    """The data sets, and all of them together where there are several."""
    return [*report.sets, report.overall] if len(report.sets) > 1 else list(report.sets)


def notes(report: Report) -> list[str]:
    """What one must know to read the figures: cuts, rows that were not used, leaks; a sentence each."""
    found, judged = report.conditions, report.judgements
    paired = "; that of the difference is paired" if found.reranker is not None else ""
    said = [
        f"Brackets: {found.confidence:.0%} confidence intervals, bootstrap over queries "
        f"({found.resamples:,} resamples, seed {found.seed}){paired}."
    ]
    if found.candidates < found.images:
        said.append(
            f"A right image behind the first {found.candidates} candidates counts as not found: "
            f"{_count(report.overall.missed, 'query has', 'queries have')} none among them."
        )
    if judged.drawn_from is not None:
        said.append(f"{len(judged.queries):,} of {judged.drawn_from:,} queries were drawn at random.")
    if judged.left_out:
        said.append(f"Left out: {_count(judged.left_out, 'query', 'queries')} without a right image here.")
    if judged.problems:
        said.append(f"{len(judged.problems):,} of {judged.rows:,} rows could not be used.")
    often = sorted(report.degraded.items(), key=lambda one: -one[1])
    said += [f"{times} of {len(report.outcomes)} queries: {reason}." for reason, times in often[:MOST_REASONS]]
    if len(often) > MOST_REASONS:
        rest = sum(times for _, times in often[MOST_REASONS:])
        said.append(f"{rest} of {len(report.outcomes)} queries: something like it; a .json report says what.")
    if report.quoted:
        said.append(
            f"{_count(report.quoted, 'query is', 'queries are')} word for word the caption that the collection keeps "
            "of a right image. The reranker reads these captions, so on such queries its figures say nothing."
        )
    return said


def text_table(report: Report) -> str:
    """The report as text, its tables within 80 columns."""
    lines = [headline(report)]
    for part in parts(report):
        lines += ["", _title(part), *_aligned(_rows(part))]
        if part.moves is not None:
            lines.append(_moves(part))
    return "\n".join(["\n".join(lines), "", *notes(report)])


def markdown(report: Report, *, picture: str | None = None) -> str:
    """The report as a Markdown page; ``picture`` is the address of its plot."""
    lines = ["# Retrieval evaluation", "", escaped(headline(report)) + "."]
    if picture is not None:
        lines += ["", f"![Figures before and after reranking](<{picture}>)"]
    for part in parts(report):
        head, *rows = _rows(part)
        lines += ["", f"## {escaped(_title(part))}", "", _bars(head), _bars(["---"] * len(head)), *map(_bars, rows)]
        if part.moves is not None:
            lines += ["", _moves(part)]
    lines += ["", "## Notes", "", *(f"- {escaped(note)}" for note in notes(report))]
    lines += _most_moved(report)
    problems = report.judgements.problems
    if problems:
        lines += ["", "## Rows that could not be used", ""]
        lines += [f"- line {problem.line}: {escaped(problem.reason)}" for problem in problems[:MOST_PROBLEMS]]
        if len(problems) > MOST_PROBLEMS:
            lines.append(f"- and {len(problems) - MOST_PROBLEMS:,} more: a .json report lists them all")
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it stands."""
    return "".join("\\" + letter if letter in "\\`*_{}[]<>#|~&" else letter for letter in text)


def asked(part: SetReport) -> str:
    """How much a data set was asked."""
    images = "1 right image each" if part.relevant == 1.0 else f"{part.relevant:.3g} right images each"
    said = f"{_count(part.queries, 'query', 'queries')}, {images}"
    return said + (f", {part.left_out} left out" if part.left_out else "")


def _title(part: SetReport) -> str:
    return f"{part.name}: {asked(part)}" if part.name else asked(part)


def _rows(part: SetReport) -> list[list[str]]:
    reranked = part.moves is not None
    head = ["", "similarity", "reranked", "difference"] if reranked else ["", "similarity"]
    return [head, *([TITLES[key], *_cells(one)] for key, one in part.metrics.items())]


def _cells(found: Comparison) -> list[str]:
    cells = [_cell(found.similarity)]
    if found.reranked is not None and found.difference is not None:
        cells += [_cell(found.reranked), _cell(found.difference, "+")]
    return cells


def _cell(found: Estimate, sign: str = "") -> str:
    value, low, high = (f"{number + 0.0:{sign}.3f}" for number in (found.value, found.low, found.high))
    return f"{value} [{low}, {high}]"


def _moves(part: SetReport) -> str:
    assert part.moves is not None
    moves = part.moves
    return f"First right image after reranking: {moves.earlier} earlier, {moves.later} later, {moves.same} as before."


def _most_moved(report: Report) -> list[str]:
    """Where reranking moved the first right image furthest, by queries."""
    behind = report.conditions.candidates + 1

    def reciprocal_gain(outcome: Outcome) -> float:
        return 1 / (outcome.rank_reranked or behind) - 1 / (outcome.rank_by_similarity or behind)

    moved = sorted((one for one in report.outcomes if one.reranked is not None), key=reciprocal_gain)
    lines: list[str] = []
    for title, some in (("gained most", moved[::-1]), ("lost most", moved)):
        chosen = [one for one in some[:MOST_MOVES] if (reciprocal_gain(one) > 0) == (title == "gained most")]
        chosen = [one for one in chosen if reciprocal_gain(one) != 0]
        if chosen:
            lines += ["", f"## Queries that {title}", "", _bars(["query", "first right image", "reranked"])]
            lines += [_bars(["---"] * 3)]
            lines += [
                _bars([escaped(one.query.text), _rank(one.rank_by_similarity), _rank(one.rank_reranked)])
                for one in chosen
            ]
    return lines


def _rank(rank: int | None) -> str:
    return "not among the candidates" if rank is None else str(rank)


def _bars(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _count(found: int | Sequence[object], one: str, several: str) -> str:
    number = found if isinstance(found, int) else len(found)
    return f"{number:,} {one if number == 1 else several}"
