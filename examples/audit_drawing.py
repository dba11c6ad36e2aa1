"""Pictures and tables for the audit examples, drawn by our own code."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from indexer.samples.catalogue import sample_catalogue
from indexer.samples.scenes import draw
from rerank.audit import Summary


def draw_picture(path: Path, caption: str, which: int = 0, size: int = 352) -> None:
    """Draw one of the demo's pictures of this caption."""
    fitting = [sample for sample in sample_catalogue() if sample.caption == caption]
    draw(fitting[which].scene, size=size).save(path)


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def show(summary: Summary, folder: Path) -> None:
    """Print what an audit has come to."""
    print(", ".join(f"{name} {count}" for name, count in summary.decisions.items()))
    for one in summary.first_mismatches:
        verdict = one.outcome.verdict
        print(f"  row {one.row.number}: {one.row.image} does not show {one.row.text!r}", end="")
        print(f" (contradiction {verdict.contradiction:.2f})" if verdict else "")
    for one in summary.first_failures:
        print(f"  row {one.row.number}: {one.outcome.problem}")
    print(f"reports in {folder}: {', '.join(sorted(path.name for path in folder.glob('report.*')))}")
