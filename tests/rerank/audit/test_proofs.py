"""Bounded forms of the proofs; ``kills`` and ``million`` beside this file are the whole ones."""

from __future__ import annotations

from pathlib import Path

from tests.rerank.audit.kills import prove
from tests.rerank.audit.million import measure


def test_killed_twice_no_row_is_lost_or_doubled_and_every_bad_one_is_named(tmp_path: Path) -> None:
    found = prove(tmp_path, 220, 20, stub=True, slow=0.01, window=16)
    assert found["failed"] == 20


def test_memory_is_flat(tmp_path: Path) -> None:
    found = measure(tmp_path, 20_000, [".csv", ".jsonl", ".html", ".xlsx"])
    # 18,000 rows held, at some 500 bytes each, would be more.
    assert found["mb_judged"] - found["mb_at_a_tenth"] < 8
    assert found["mb_reported"] - found["mb_judged"] < 40
