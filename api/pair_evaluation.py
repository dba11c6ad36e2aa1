"""An evaluation on labelled pairs for the command line: what is required of it, what it is written into."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from api import console
from api.commands import options
from api.pair_options import check_output, check_usable, note_problems, read_table
from rerank.errors import InputError
from retrieval.atomic import write_atomically

if TYPE_CHECKING:
    from api.settings import Settings
    from rerank.finetune.evaluation import Judged, PairReport
    from rerank.finetune.pairs import Columns, PairTable

_TOLERANCE = 1e-9
# `--against base`: the adapter's own base.
BASE = "base"


@dataclass(frozen=True)
class PairRequirement:
    """The least that a figure must reach; of the calibration error (ece) the most that it may be."""

    metric: str
    bound: float

    @classmethod
    def parsed(cls, text: str) -> Self:
        """``accuracy=0.9``, ``neutral:recall=0.7`` or ``ece=0.05``; InputError says what is wrong with it."""
        from rerank.finetune.evaluation import METRICS

        name, _, value = text.rpartition("=")
        metric = name.strip().lower()
        if metric not in (*METRICS, "ece"):
            raise InputError(f"--require {text}: write METRIC=VALUE with one of {', '.join(METRICS)}, ece")
        try:
            bound = float(value)
        except ValueError:
            bound = -1.0
        if not 0.0 <= bound <= 1.0:
            raise InputError(f"--require {text}: {value!r} is not a number between 0 and 1")
        return cls(metric, bound)

    def value(self, report: PairReport) -> float:
        """What was reached."""
        model = report.model
        return model.calibration_error if self.metric == "ece" else model.metrics[self.metric].value

    def met(self, report: PairReport) -> bool:
        """Whether that is enough."""
        value = self.value(report)
        return value <= self.bound + _TOLERANCE if self.metric == "ece" else value >= self.bound - _TOLERANCE

    def verdict(self, report: PairReport) -> str:
        """The same in words."""
        misses = "is above" if self.metric == "ece" else "is below"
        word = "meets" if self.met(report) else misses
        return f"{self.metric} {self.value(report):.4f} {word} the required {self.bound:g}"


@dataclass(frozen=True)
class PairOutputs:
    """The files that a report goes into."""

    report: Path | None
    plot: Path | None
    sheet: Path | None

    @classmethod
    def checked(cls, report: Path | None, plot: Path | None, sheet: Path | None) -> Self:
        """The paths, if they can be written; InputError otherwise."""
        from rerank.finetune.plots import SUFFIXES, check_plot

        if report is not None:
            check_output(report, (".md", ".json"))
        if plot is not None:
            check_plot(check_output(plot, SUFFIXES))
        if sheet is not None:
            check_output(sheet, (".png",))
        return cls(report, plot, sheet)

    def write(self, report: PairReport, required: Sequence[PairRequirement]) -> None:
        """Write each file whole or not at all."""
        from rerank.finetune.contact_sheet import MOST, write_sheet
        from rerank.finetune.evaluation import verdicts, worst
        from rerank.finetune.plots import write_plot
        from rerank.finetune.tables import markdown

        if self.plot is not None:
            write_plot(report, self.plot)
        if self.sheet is not None:
            write_sheet(verdicts(report.judged, worst(report.judged, MOST)), self.sheet, "no row is wrong")
        if self.report is None:
            return
        if self.report.suffix.lower() == ".json":
            text = json.dumps(document(report, required), ensure_ascii=False, indent=2) + "\n"
        else:
            text = markdown(report, picture=self._beside(self.plot), sheet=self._beside(self.sheet))

        def fill(file: BinaryIO) -> None:
            file.write(text.encode("utf-8", "surrogateescape"))

        write_atomically(self.report, fill)

    def _beside(self, path: Path | None) -> str | None:
        return None if path is None or self.report is None else os.path.relpath(path, self.report.parent)


def document(report: PairReport, required: Sequence[PairRequirement]) -> dict[str, Any]:
    """The report as JSON, with what was required of it."""
    held = [asdict(one) | {"value": one.value(report), "met": one.met(report)} for one in required]
    return report.to_dict() | {"requirements": held}


def evaluate_pairs(
    path: Path,
    columns: Columns,
    images: Path | None,
    settings: Settings,
    against: str | None,
    outputs: PairOutputs,
    required: Sequence[PairRequirement],
    *,
    seed: int,
    as_json: bool,
) -> PairReport:
    """Judge a table with the settings' model, and with the one it is held against, and show what came of it."""
    from rerank.finetune.evaluation import report

    try:
        table = read_table(path, columns, images)
    except InputError as error:
        raise InputError(f"{error}; a table of captions wants the collection that it is about: -c COLLECTION") from None
    check_usable(table)
    after = _judged(settings, table, "judging")
    before = None
    if against is not None:
        name = _base_of(settings) if against == BASE else against
        plain = settings.model_copy(update={"reranker": name, "adapter": None})
        before = _judged(plain, table, f"judging with {name}")
    found = report(table, *after, before, seed=seed)
    outputs.write(found, required)
    _show(found, outputs, required, as_json=as_json)
    return found


def _judged(settings: Settings, table: PairTable, title: str) -> tuple[str, Judged]:
    from rerank.finetune.evaluation import judge

    with options.loaded_reranker(settings) as reranker, console.progress(title) as progress:
        found = judge(reranker, table, progress)
        if not found.pairs:
            raise InputError(f"{table.path}: none of its pictures can be read ({found.problems[0].reason})")
        return reranker.name, found


def _base_of(settings: Settings) -> str:
    from rerank.adapters import read_adapter

    if settings.reranker not in (None, "auto"):
        return str(settings.reranker)
    if settings.adapter is None:
        raise InputError("--against base: no --adapter is named; name the model to compare with")
    return read_adapter(settings.adapter).base


def _show(report: PairReport, outputs: PairOutputs, required: Sequence[PairRequirement], *, as_json: bool) -> None:
    from rerank.finetune.tables import text_table

    if as_json:
        console.document(document(report, required))
    else:
        console.print_out(text_table(report))
    note_problems(report.problems)
    for path in (outputs.report, outputs.plot, outputs.sheet):
        if path is not None:
            console.note(f"written: {path}")
    for one in required:
        console.note(one.verdict(report))
