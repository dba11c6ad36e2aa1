"""A bounded run over each kind of file; verify sees what readers need not."""

from __future__ import annotations

import random

import pytest

from tests.faults.damage import KINDS, Damage


@pytest.fixture(scope="module")
def damage(tmp_path_factory: pytest.TempPathFactory) -> Damage:
    return Damage(tmp_path_factory.mktemp("damage") / "numbers.collection", random.Random(5))


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_is_silently_wrong(damage: Damage, kind: str) -> None:
    damage.run(kind, flips=12, cuts=4)
    counts = damage.counts[kind]
    assert counts.total() == 16
    if kind != "catalogue":  # of which much is free space
        # Embeddings of the four removed images still lie in the segments, and nobody reads them.
        assert counts["harmless"] <= (2 if kind == "segment" else 0)
