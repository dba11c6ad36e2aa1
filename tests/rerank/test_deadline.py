"""A deadline: what was judged comes first, the rest keeps stage one's order, and the answer says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from rerank import Candidate, EntailmentReranker


class Slow:
    """Makes each forward pass of a reranker take ``seconds``, and counts them."""

    def __init__(self, reranker: EntailmentReranker, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pairs = 0
        plain = reranker._model.probabilities

        def slowly(image: object, tokens: Sequence[object]) -> object:
            self.pairs += len(tokens)
            time.sleep(seconds * len(tokens))
            return plain(image, tokens)  # type: ignore[arg-type]

        monkeypatch.setattr(reranker._model, "probabilities", slowly)


@pytest.fixture
def candidates(reference_dir: Path) -> list[Candidate]:
    files = sorted((reference_dir / "images").iterdir())
    return [Candidate(str(n), files[n % len(files)], similarity=0.9 - n / 100) for n in range(40)]


def test_what_was_not_reached_keeps_stage_ones_order(
    reference: EntailmentReranker, candidates: list[Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    reference.rank("a cat", candidates)
    slow = Slow(reference, 0.1, monkeypatch)
    ranking = reference.rank("a cat", candidates, deadline_ms=1200)
    judged = [one for one in ranking if one.verdict is not None]
    late = [one for one in ranking if one.verdict is None]
    assert 0 < len(judged) == slow.pairs < 40
    assert list(ranking) == judged + late
    # The best by stage one were judged first; the others follow as they came, without an error.
    assert {one.index for one in judged} == set(range(len(judged)))
    assert [one.index for one in late] == list(range(len(judged), 40))
    assert all(one.error is None and one.score is None for one in late)
    assert ranking.degraded == (
        f"the deadline came before {len(late)} of 40 candidates were judged; they keep stage one's order"
    )


def test_one_slow_call_does_not_refuse_all_calls_to_come(
    reference_dir: Path, candidates: list[Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    with EntailmentReranker.from_pretrained(str(reference_dir), precision="fp32") as reranker:
        reranker.encode_images([candidates[0].image])
        with monkeypatch.context() as first:
            Slow(reranker, 4.0, first)
            reranker.rank("a cat", candidates[:1], deadline_ms=2000)
        answers = [reranker.rank("a cat", candidates[:4], deadline_ms=2000) for _ in range(4)]
        # Refused at the pace of the first call, then tried again, and found to be fast.
        assert answers[0].degraded is not None
        assert answers[-1].degraded is None


def test_time_that_is_up_judges_nothing(reference: EntailmentReranker, candidates: list[Candidate]) -> None:
    ranking = reference.rank("a cat", candidates, top_k=3, deadline_ms=0)
    assert [one.id for one in ranking] == ["0", "1", "2"]
    assert [one.verdict for one in ranking] == [None, None, None]
    assert ranking.degraded is not None
    assert "40 of 40" in ranking.degraded


def test_time_enough_changes_nothing(reference: EntailmentReranker, candidates: list[Candidate]) -> None:
    free = reference.rank("a cat", candidates)
    held = reference.rank("a cat", candidates, deadline_ms=600_000)
    assert held.degraded is None
    assert {one.id: one.verdict and round(one.verdict.entailment, 5) for one in free} == {
        one.id: one.verdict and round(one.verdict.entailment, 5) for one in held
    }


def test_bad_images_and_a_deadline_are_both_named(
    reference: EntailmentReranker, candidates: list[Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    reference.rank("a cat", candidates)
    Slow(reference, 0.1, monkeypatch)
    ranking = reference.rank("a cat", [Candidate("bad", b"no image"), *candidates], deadline_ms=800)
    assert ranking[-1].id == "bad"
    assert ranking[-1].error == "is not an image in a format that is read here"
    assert ranking.degraded is not None
    assert "deadline" in ranking.degraded
    assert "1 of 41 candidates could not be read" in ranking.degraded


def test_async_twins_agree_and_leave_the_loop_free(
    reference: EntailmentReranker, candidates: list[Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    Slow(reference, 0.01, monkeypatch)

    async def both() -> tuple[list[str], int]:
        beats = 0
        task = asyncio.create_task(reference.arank("a cat", candidates))
        while not task.done():
            await asyncio.sleep(0.01)
            beats += 1
        return [one.id for one in await task], beats

    ids, beats = asyncio.run(both())
    assert ids == [one.id for one in reference.rank("a cat", candidates)]
    assert beats > 3
    pair = [(candidates[0].image, "a cat")]
    assert asyncio.run(reference.ascore(pair)) == pytest.approx(reference.score(pair), abs=1e-6)
    assert asyncio.run(reference.apredict(pair)) == pytest.approx(reference.predict(pair), abs=1e-6)


def test_a_cancelled_caller_stops_the_model(
    reference: EntailmentReranker, candidates: list[Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(reference, 0.02, monkeypatch)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reference.arank("a cat", candidates * 20), 0.1)

    asyncio.run(give_up())  # also waits for the thread
    assert slow.pairs < 400
