"""One audit in a process of its own, that another may kill."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rerank.audit import Journal, Options, Table, audit, journal_beside, journal_key, judging
from rerank.audit.types import Judge
from rerank.decoding.pool import DecoderPool
from tests.rerank.audit.stub import StubJudge


def _bundled() -> Judge:
    from rerank import EntailmentReranker  # torch, which a stub can do without

    return EntailmentReranker.from_pretrained("bundled")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("table", type=Path)
    parser.add_argument("outputs", type=Path, nargs="+")
    parser.add_argument("--window", type=int, default=128)
    parser.add_argument("--stub", action="store_true")
    parser.add_argument("--slow", type=float, default=0.0)
    options = parser.parse_args()
    judging.WINDOW = options.window
    judge = StubJudge(options.slow) if options.stub else _bundled()
    table = Table.open(options.table)
    with Journal(journal_beside(options.outputs[0]), journal_key(table, judge, Options(), None)) as journal:
        print(json.dumps({"resumed_at": journal.done}), flush=True)
    with DecoderPool(2, seconds=5.0) as decoders:
        audit(table, judge, options.outputs, decoders=decoders)


if __name__ == "__main__":
    main()
