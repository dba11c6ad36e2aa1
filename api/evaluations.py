"""What an evaluation is held to, and the files it is written into."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from rerank.errors import InputError
from retrieval.atomic import write_atomically
from retrieval.evaluation import METRICS, TITLES, Judgements, Report, SetReport
from retrieval.evaluation.plot import check_plot, write_plot
from retrieval.evaluation.tables import markdown

REPORTS = (".md", ".json")
# A figure that equals what is required, but for the last bits of a mean, is enough.
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Requirement:
    """The least that a metric must reach, over all queries or in one data set."""

    metric: str
    least: float
    data_set: str | None = None

    @classmethod
    def parsed(cls, text: str) -> Self:
        """``r@1=0.9``, or ``SET:r@1=0.9``; InputError says what is wrong with it."""
        name, _, value = text.rpartition("=")
        data_set, colon, metric = name.rpartition(":")
        metric = metric.strip().lower()
        if metric not in METRICS:
            raise InputError(f"--require {text}: write METRIC=VALUE with one of {', '.join(METRICS)}, as in r@1=0.9")
        try:
            least = float(value)
        except ValueError:
            least = -1.0
        if not 0.0 <= least <= 1.0:
            raise InputError(f"--require {text}: {value!r} is not a number between 0 and 1")
        return cls(metric, least, data_set.strip() if colon else None)

    def check(self, judgements: Judgements) -> None:
        """Refuse a data set that there is not, before anything is asked."""
        there = {query.data_set for query in judgements.queries}
        if self.data_set is not None and self.data_set not in there:
            known = ", ".join(sorted(name for name in there if name)) or "there are none"
            raise InputError(f"--require {self.data_set}:…: no data set of that name has queries ({known})")

    def value(self, report: Report) -> float:
        """What was reached: reranked, or by similarity where that alone was measured."""
        return self._part(report).metrics[self.metric].final.value

    def met(self, report: Report) -> bool:
        """Whether that is enough."""
        return self.value(report) >= self.least - _TOLERANCE

    def verdict(self, report: Report) -> str:
        """The same in words."""
        name = f"{self.data_set}: " if self.data_set is not None else ""
        word = "reaches" if self.met(report) else "is below"
        return f"{name}{TITLES[self.metric]} {self.value(report):.4f} {word} the required {self.least:g}"

    def _part(self, report: Report) -> SetReport:
        return next((one for one in report.sets if one.name == self.data_set), report.overall)


@dataclass(frozen=True)
class Outputs:
    """The files that a report goes into."""

    report: Path | None
    plot: Path | None

    @classmethod
    def checked(cls, report: Path | None, plot: Path | None) -> Self:
        """Both paths, if they can be written.

        Raises:
            InputError: a suffix is not known, a folder is missing, or matplotlib is.
        """
        if report is not None and report.suffix.lower() not in REPORTS:
            raise InputError(f"-o {report}: a report is one of {', '.join(REPORTS)}; name a file that ends so")
        if plot is not None:
            check_plot(plot)
        for path in (report, plot):
            if path is not None and not path.parent.is_dir():
                raise InputError(f"{path}: there is no folder {path.parent}; make it first")
            if path is not None and path.is_dir():
                raise InputError(f"{path}: is a folder; name a file")
        return cls(report, plot)

    def paths(self) -> list[Path]:
        """The files that are written."""
        return [path for path in (self.report, self.plot) if path is not None]

    def write(self, report: Report, required: Sequence[Requirement]) -> None:
        """Write each file whole or not at all."""
        if self.plot is not None:
            write_plot(report, self.plot)
        if self.report is None:
            return
        if self.report.suffix.lower() == ".json":
            text = json.dumps(document(report, required), ensure_ascii=False, indent=2) + "\n"
        else:
            picture = None if self.plot is None else os.path.relpath(self.plot, self.report.parent)
            text = markdown(report, picture=picture)
        _write(self.report, text)


def document(report: Report, required: Sequence[Requirement]) -> dict[str, Any]:
    """The report as JSON, with what was required of it."""
    held = [asdict(one) | {"value": one.value(report), "met": one.met(report)} for one in required]
    return report.to_dict() | {"requirements": held}


def _write(path: Path, text: str) -> None:
    def fill(file: BinaryIO) -> None:
        file.write(text.encode())

    write_atomically(path, fill)
