from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from rerank import Entailment
from rerank.audit import Fitting, Policy
from rerank.audit.fitting import rows_needed, wilson_low
from rerank.errors import InputError
from rerank.types import Label


def verdict(entailment: float, contradiction: float) -> Entailment:
    return Entailment(entailment, 1 - entailment - contradiction, contradiction)


@pytest.mark.parametrize(
    ("policy", "found", "decision"),
    [
        (Policy(), verdict(0.6, 0.3), "accept"),
        (Policy(), verdict(0.1, 0.8), "reject"),
        (Policy(), verdict(0.4, 0.4), "review"),
        (Policy(), verdict(0.5, 0.5), "review"),
        (Policy(0.9, 0.95), verdict(0.8, 0.1), "review"),
        (Policy(0.9, 0.95), verdict(0.04, 0.94), "review"),
        (Policy(0.9, 0.95), verdict(0.03, 0.96), "reject"),
        (Policy(0.9, 0.95, 0.2), verdict(0.1, 0.1), "reject"),
        (Policy(1.01, 1.01), verdict(1.0, 0.0), "review"),
    ],
)
def test_decisions(policy: Policy, found: Entailment, decision: str) -> None:
    assert policy.decide(found) == decision


def test_policies_from_files(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('{"accept_above": 0.7, "fitted": {"anything": 1}}')
    assert Policy.read(path) == Policy(0.7)
    for wrong in (
        '{"accept": 1}',
        '{"accept_above": "high"}',
        '{"accept_above": 2}',
        "[]",
        "{",
        '{"reject_below": 0.9}',
    ):
        path.write_text(wrong)
        with pytest.raises(InputError):
            Policy.read(path)
    with pytest.raises(InputError, match=r"nowhere\.json"):
        Policy.read(tmp_path / "nowhere.json")


def labelled(rows: int, seed: int = 0) -> list[tuple[Entailment, Label]]:
    """Verdicts that are as sure as they are right."""
    rng, found = random.Random(seed), []
    for _ in range(rows):
        entailment = rng.random()
        contradiction = (1 - entailment) * rng.choice([0.2, 1.0])
        chosen: list[Label] = rng.choices(
            ["entailment", "neutral", "contradiction"],
            [entailment, 1 - entailment - contradiction, contradiction],
        )
        found.append((verdict(entailment, contradiction), chosen[0]))
    return found


def test_fitted_thresholds_reach_the_precision_on_new_rows() -> None:
    fitting = Fitting()
    for found, expected in labelled(20_000):
        fitting.add(found, expected)
    fitted = fitting.fit(0.95)
    assert not fitted.warnings
    fresh = [(fitted.policy.decide(one), expected) for one, expected in labelled(20_000, seed=1)]
    for decision, label in (("accept", "entailment"), ("reject", "contradiction")):
        decided = [expected == label for one, expected in fresh if one == decision]
        assert len(decided) > 500
        assert sum(decided) / len(decided) == pytest.approx(0.95, abs=0.02)
    # Calibrated verdicts: where all above t are right with .95 on average, t is near .9.
    assert fitted.policy.accept_above == pytest.approx(0.9, abs=0.03)
    assert fitted.accept.precision is not None
    assert fitted.accept.precision >= 0.95
    assert fitted.accept.held_out == pytest.approx(0.95, abs=0.02)
    assert Policy.of(json.loads(json.dumps(fitted.to_dict()))) == fitted.policy


def test_too_few_rows_are_said_to_be() -> None:
    fitting = Fitting()
    for _ in range(10):
        fitting.add(verdict(0.9, 0.05), "entailment")
        fitting.add(verdict(0.05, 0.9), "contradiction")
    fitted = fitting.fit(0.95)
    assert len(fitted.warnings) == 2
    assert "too few" in fitted.warnings[0]
    assert str(rows_needed(0.95)) in fitted.warnings[0]
    assert rows_needed(0.95) == 59


def test_what_cannot_be_reached_decides_nothing() -> None:
    fitting = Fitting()
    for number in range(200):
        fitting.add(verdict(0.9, 0.05), "contradiction" if number % 2 else "entailment")
    fitted = fitting.fit(0.95)
    assert "no threshold" in fitted.warnings[0]
    assert fitted.policy.decide(verdict(1.0, 0.0)) == "review"
    assert fitted.accept.decided == 0


def test_the_models_own_verdict_is_the_least() -> None:
    fitting = Fitting()
    for _ in range(500):
        fitting.add(verdict(0.1, 0.1), "entailment")
        fitting.add(verdict(0.9, 0.05), "entailment")
    assert fitting.fit(0.9).policy.accept_above >= 0.5


def test_without_labels_nothing_is_fitted() -> None:
    with pytest.raises(InputError, match="expected"):
        Fitting().fit(0.9)


def test_wilson() -> None:
    # Wilson (1927) by statsmodels' proportion_confint(95, 100, method="wilson").
    assert wilson_low(95, 100) == pytest.approx(0.88825, abs=1e-4)
