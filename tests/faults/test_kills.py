from __future__ import annotations

from pathlib import Path

from tests.faults.kills import Kills


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    kills = Kills(tmp_path / "numbers.collection", seed=1)
    kills.run(16)
    assert kills.ledger.acknowledged > 0
    assert sum(kills.rounds.values()) == 16
