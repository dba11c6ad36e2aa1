"""What an evaluation finds, against searches made by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from PIL import Image

from indexer import build_collection
from rerank.errors import InputError
from retrieval import Collection, SearchEngine
from retrieval.evaluation import Judgements, Query, evaluate
from retrieval.evaluation.tables import markdown, text_table
from tests.fakes import COLOURS, ColourEncoder
from tests.retrieval.evaluation.conftest import CountingEncoder
from tests.retrieval.evaluation.tables import judged


def test_figures_are_those_of_the_two_searches_a_user_would_make(engine: SearchEngine, ids: dict[str, str]) -> None:
    queries = tuple(Query(name, {ids[f"{name}.png"]: 1.0}) for name in COLOURS)
    report = evaluate(engine, Judgements(queries))
    for rerank, side in ((False, "similarity"), (True, "reranked")):
        ranks = []
        for query in queries:
            hits = [hit.id for hit in engine.search(query.text, top_k=100, rerank=rerank).hits]
            ranks.append(1 + next(place for place, image in enumerate(hits) if image in query.relevance))
        found = {key: getattr(one, side).value for key, one in report.overall.metrics.items()}
        # Two files look red: which of the two is first by similarity alone is decided by their ids.
        some = [rank for rank, query in zip(ranks, queries, strict=True) if rerank or query.text != "red"]
        if not rerank:
            some.append(1 if ids["red.png"] < ids["more/red.png"] else 2)
        assert found["r@1"] == pytest.approx(sum(rank == 1 for rank in some) / 8)
        assert found["r@5"] == pytest.approx(sum(rank <= 5 for rank in some) / 8)
        assert found["mrr"] == pytest.approx(sum(1 / rank for rank in some) / 8)
        assert found["ndcg@10"] == pytest.approx(sum(1 / math.log2(rank + 1) for rank in some) / 8)
    for one in report.overall.metrics.values():
        assert one.reranked is not None
        assert one.difference is not None
        assert one.difference.value == pytest.approx(one.reranked.value - one.similarity.value)
        assert one.difference.low <= one.difference.value <= one.difference.high
    moves = report.overall.moves
    assert moves is not None
    assert moves.earlier + moves.later + moves.same == 8


def test_what_lies_behind_the_candidates_counts_as_not_found(engine: SearchEngine, ids: dict[str, str]) -> None:
    judgements = Judgements((Query("red", {ids["cyan.png"]: 1.0}), Query("blue", {ids["blue.png"]: 1.0})))
    report = evaluate(engine, judgements, candidates=2)
    found = report.to_dict()["queries"][0]
    assert (found["rank_by_similarity"], found["rank_reranked"]) == (None, None)
    assert report.overall.metrics["mrr"].similarity.value == pytest.approx(0.5)
    assert report.overall.missed == 1
    assert "behind the first 2 candidates counts as not found: 1 query has none among them." in text_table(report)
    assert "behind the first" not in text_table(evaluate(engine, judgements, candidates=9))


def test_similarity_alone(engine: SearchEngine, ids: dict[str, str], pictures: Path) -> None:
    judgements = Judgements((Query("blue", {ids["blue.png"]: 1.0}),))
    report = evaluate(engine, judgements, rerank=False)
    assert report.conditions.reranker is None
    assert report.overall.metrics["r@1"].reranked is None
    assert report.overall.moves is None
    assert "reranked" not in text_table(report) + markdown(report)
    bare = SearchEngine(engine.collection, engine.encoder, None)
    assert evaluate(bare, judgements).to_dict() == report.to_dict()


def test_a_text_of_several_sets_is_searched_once(engine: SearchEngine, ids: dict[str, str]) -> None:
    queries = tuple(Query("red", {ids["red.png"]: 1.0}, name) for name in ("a", "b", "c"))
    seen: list[tuple[int, int]] = []
    assert isinstance(engine.encoder, CountingEncoder)
    before = engine.encoder.asked
    report = evaluate(engine, Judgements(queries), progress=lambda done, total: seen.append((done, total)))
    assert engine.encoder.asked == before + 1
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert [part.name for part in report.sets] == ["a", "b", "c"]
    assert len({str(part.metrics) for part in report.sets}) == 1


def test_the_same_seed_gives_the_same_report_and_sample(engine: SearchEngine, ids: dict[str, str]) -> None:
    queries = tuple(Query(name, {ids[f"{name}.png"]: 1.0}, str(len(name) > 4)) for name in COLOURS)
    first, again, other = (Judgements(queries).sample(2, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert [query for query in queries if query in first.queries] == list(first.queries)
    assert {name: sum(query.data_set == name for query in first.queries) for name in ("True", "False")} == {
        "True": 2,
        "False": 2,
    }
    assert Judgements(queries).sample(100) == Judgements(queries)
    reports = [evaluate(engine, first, rerank=False, seed=3).to_dict() for _ in range(2)]
    assert json.dumps(reports[0]) == json.dumps(reports[1])
    assert "4 of 8 queries were drawn at random." in text_table(evaluate(engine, first, rerank=False))


def test_a_query_that_the_reranker_has_read_as_a_caption_is_pointed_out(
    engine: SearchEngine, ids: dict[str, str]
) -> None:
    judgements = Judgements((Query("something cyan", {ids["cyan.png"]: 1.0}), Query("red", {ids["red.png"]: 1.0})))
    report = evaluate(engine, judgements)
    assert report.quoted == 1
    assert "1 query is word for word the caption that the collection keeps" in text_table(report)
    assert evaluate(engine, judgements, rerank=False).quoted == 0


def test_searches_that_went_wrong_are_counted(tmp_path: Path, engine: SearchEngine) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("red", "blue"):
        Image.new("RGB", (48, 32), COLOURS[name]).save(folder / f"{name}.png")
    encoder = ColourEncoder()
    build_collection([folder], tmp_path / "c", encoder=encoder)
    (folder / "red.png").unlink()
    with Collection.open(tmp_path / "c") as collection:
        found = judged(SearchEngine(collection, encoder, None), folder, "image,caption\nred.png,red\nblue.png,blue\n")
        report = evaluate(SearchEngine(collection, encoder, engine.reranker), found)
    assert report.degraded == {"1 of 2 candidates could not be read and come last": 2}
    assert "2 of 2 queries: 1 of 2 candidates could not be read and come last." in text_table(report)


def test_arguments_out_of_range(engine: SearchEngine) -> None:
    with pytest.raises(InputError, match="no queries"):
        evaluate(engine, Judgements(()))
    with pytest.raises(InputError, match="candidates must be between 1 and"):
        evaluate(engine, Judgements((Query("a", {"b": 1.0}),)), candidates=0)
    with pytest.raises(InputError, match="at least 1 query"):
        Judgements(()).sample(0)
