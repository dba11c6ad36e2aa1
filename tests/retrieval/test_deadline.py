"""A budget for the whole search: what was judged in time comes first, the rest by similarity, and it is said."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from indexer import build_collection
from rerank import EntailmentReranker
from rerank.errors import InputError
from rerank.ofa.entailment import EntailmentModel
from retrieval import Collection, SearchEngine, SearchResult
from tests.fakes import ColourEncoder
from tests.pictures import paint_all

REFERENCE = Path(__file__).parent.parent / "data" / "ofa-reference"
SECONDS_EACH = 0.6
DEADLINE_MS = 2_500


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    folder = tmp_path_factory.mktemp("deadline")
    paint_all(folder / "photos")
    build_collection([folder / "photos"], folder / "c", encoder=ColourEncoder())
    # One at a time: the pace of quick searches before must not make a slow one take them all at once.
    reranker = EntailmentReranker.from_pretrained(str(REFERENCE), precision="fp32", batch_size=1)
    with SearchEngine(Collection.open(folder / "c"), ColourEncoder(), reranker) as opened:
        opened.search("red")  # so that nothing is slow for being the first
        yield opened


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each verdict takes its time."""
    judge = EntailmentModel.probabilities

    def slowly(self: EntailmentModel, image: object, tokens: Sequence[Sequence[int]]) -> object:
        time.sleep(SECONDS_EACH * len(tokens))
        return judge(self, image, tokens)  # type: ignore[arg-type]

    monkeypatch.setattr(EntailmentModel, "probabilities", slowly)


def judged(result: SearchResult) -> list[bool]:
    return [hit.entailment is not None for hit in result.hits]


@pytest.mark.usefixtures("slow")
def test_what_was_judged_comes_first_and_the_rest_by_similarity(engine: SearchEngine) -> None:
    plain = [hit.id for hit in engine.search("red", rerank=False).hits]
    result = engine.search("red", deadline_ms=DEADLINE_MS)
    count = sum(judged(result))
    assert 0 < count < 8
    assert judged(result) == [True] * count + [False] * (8 - count)
    assert result.reranked
    assert result.degraded is not None
    assert f"the deadline came before {8 - count} of 8 candidates were judged" in result.degraded
    # Stage one's best were judged, the others follow in its order.
    assert {hit.id for hit in result.hits[:count]} == set(plain[:count])
    assert [hit.id for hit in result.hits[count:]] == plain[count:]
    assert all(hit.score == hit.similarity for hit in result.hits[count:])
    assert result.took_ms.total < 1000 * SECONDS_EACH * 8


@pytest.mark.usefixtures("slow")
def test_who_asks_for_checked_hits_gets_no_others(engine: SearchEngine) -> None:
    result = engine.search("red", deadline_ms=DEADLINE_MS, min_entailment=1e-6)
    assert all(judged(result))
    assert result.hits
    assert result.degraded is not None
    assert f"min_entailment leaves out the {8 - len(result.hits)} that were not judged" in result.degraded


def test_a_budget_that_is_used_up_before_gives_the_order_of_similarity(engine: SearchEngine) -> None:
    plain = engine.search("red", rerank=False)
    result = engine.search("red", deadline_ms=0.01)
    assert result.hits == plain.hits
    assert not result.reranked
    assert result.degraded == "the deadline came before any candidate was judged; hits are by similarity"
    result = engine.search("red", deadline_ms=0.01, min_entailment=0.5)
    assert result.hits == ()
    assert (result.degraded or "").endswith("min_entailment leaves out the 8 that were not judged")


def test_enough_time_changes_nothing(engine: SearchEngine) -> None:
    result = engine.search("red", deadline_ms=600_000)
    assert result.hits == engine.search("red").hits
    assert (result.degraded, result.reranked) == (None, True)
    assert engine.search("red", deadline_ms=0.01, rerank=False).degraded is None


@pytest.mark.parametrize("deadline_ms", [0, -5, float("nan")])
def test_a_budget_must_be_a_time(engine: SearchEngine, deadline_ms: float) -> None:
    with pytest.raises(InputError, match="deadline_ms must be above 0"):
        engine.search("red", deadline_ms=deadline_ms)
