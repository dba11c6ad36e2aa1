"""An audit of many rows, some of them bad in every way, killed twice and resumed: no row lost or doubled.

    python -m tests.rerank.audit.kills [--rows 2000] [--bad 100] [--stub]

With the bundled model, unless ``--stub``. Prints what was found, and fails where a promise is broken.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rerank.audit import journal_beside
from tests.rerank.audit.stub import mixed_rows

CHILD = "tests.rerank.audit.child"


def prove(folder: Path, rows: int, bad: int, *, stub: bool, slow: float = 0.0, window: int = 128) -> dict[str, object]:
    """What was found; AssertionError where it is not as it must be."""
    table, expected = mixed_rows(folder, rows, bad)
    assert len(expected) == bad
    outputs = [folder / f"report.{suffix}" for suffix in ("csv", "jsonl", "xlsx", "html")]
    command = [sys.executable, "-m", CHILD, str(table), *map(str, outputs), "--window", str(window)]
    command += ["--stub", "--slow", str(slow)] if stub else []
    killed_at = [_kill_at(command, outputs[0], rows * share // 3) for share in (1, 2)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    resumed_at = json.loads(done.stdout.splitlines()[0])["resumed_at"]
    assert resumed_at >= killed_at[1] >= killed_at[0] > 0
    found = [json.loads(line) for line in outputs[1].read_text().splitlines()]
    assert [one["row"] for one in found] == list(range(1, rows + 1)), "a row is lost or doubled"
    failed = {one["row"]: one["problem"] for one in found if one["problem"]}
    assert failed.keys() == expected.keys(), sorted(failed.keys() ^ expected.keys())
    for number, word in expected.items():
        assert word in failed[number], (number, word, failed[number])
    with outputs[0].open(encoding="utf-8-sig", newline="") as file:
        assert [int(one["row"]) for one in csv.DictReader(file)] == list(range(1, rows + 1))
    assert not journal_beside(outputs[0]).exists()
    reasons = sorted({" ".join(reason.split()[:6]) for reason in failed.values()})
    return {"rows": rows, "failed": len(failed), "killed_at": killed_at, "kinds": len(reasons), "reasons": reasons}


def _kill_at(command: Sequence[str], output: Path, rows: int) -> int:
    """Start an audit and SIGKILL it once its journal holds so many rows; how many it held."""
    journal = journal_beside(output) / "journal.jsonl"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 1200
    while _lines(journal) - 1 < rows:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert not output.exists(), "a report of half an audit"
    return _lines(journal) - 1


def _lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--bad", type=int, default=100)
    parser.add_argument("--stub", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = prove(Path(folder), options.rows, options.bad, stub=options.stub)
    print(json.dumps(found, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
