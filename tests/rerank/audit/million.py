"""A million rows through a judge that costs nothing: does memory stay flat?

    python -m tests.rerank.audit.million [--rows 1000000] [--xlsx]

Prints rows, processor seconds, and the process's memory at a tenth of the rows and at the end.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from rerank.audit import Journal, Options, Table, journal_key, judge_rows, write_reports
from rerank.decoding.pool import DecoderPool
from tests.rerank.audit.stub import StubJudge, write_table


def measure(folder: Path, rows: int, suffixes: Sequence[str]) -> dict[str, float]:
    """Judge and report ``rows`` rows; resident memory in MB at a tenth and at the highest, and what it cost."""
    Image.new("RGB", (40, 40), "red").save(folder / "a.png")
    table_path = write_table(folder / "rows.csv", _rows(rows), ("image", "text", "expected", "sku"))
    started, early = time.process_time(), 0.0
    table = Table.open(table_path)
    options = Options(thumbnails=200, mismatches=200)
    judge = StubJudge()

    def progress(done: int, total: int) -> None:
        nonlocal early
        if not early and done >= total // 10:
            early = resident_mb()

    # Its outcomes are foretold: what is measured is everything but the model and the decoder.
    with (
        DecoderPool(1) as decoders,
        Journal(folder / "journal", journal_key(table, judge, options, None)) as journal,
    ):
        judge_rows(table, judge, journal, lambda _: folder / "a.png", decoders, options=options, progress=progress)
        judged = resident_mb()
        outputs = [folder / f"report{suffix}" for suffix in suffixes]
        summary = write_reports(table, journal, outputs, model="stub", options=options)
    assert summary.rows == rows
    assert summary.counts["failed"] == 0
    return {
        "rows": rows,
        "cpu_seconds": round(time.process_time() - started, 1),
        "mb_at_a_tenth": round(early, 1),
        "mb_judged": round(judged, 1),
        "mb_reported": round(resident_mb(), 1),
        "mb_peak": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "journal_mb": round((folder / "journal" / "journal.jsonl").stat().st_size / 2**20, 1),
        **{f"{path.suffix[1:]}_mb": round(path.stat().st_size / 2**20, 1) for path in outputs},
    }


def resident_mb() -> float:
    """Resident memory of this process, now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _rows(count: int) -> Iterator[Sequence[str]]:
    for number in range(count):
        yield ("a.png", f"thing {number} of a synthetic table", ("yes", "no", "")[number % 3], f"sku-{number}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--xlsx", action="store_true", help="write the workbook as well")
    options = parser.parse_args()
    suffixes = [".csv", ".jsonl", ".html", *([".xlsx"] if options.xlsx else [])]
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), options.rows, suffixes), indent=2))


if __name__ == "__main__":
    main()
