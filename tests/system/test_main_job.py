"""The main job: "blue denim jeans" over the sample catalogue, ordered by entailment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from indexer.samples.catalogue import DEMO_CAPTIONS, Sample
from indexer.samples.scenes import Scene, swapped
from retrieval import SearchEngine
from retrieval.evaluation import Judgements, Query, evaluate, group_queries
from retrieval.evaluation.tables import text_table


def sample_of(path: str, samples: dict[str, Sample]) -> Sample:
    return samples["/".join(Path(path).parts[-2:])]


def test_demo_finds_blue_denim_jeans(demo: dict[str, Any], samples: dict[str, Sample]) -> None:
    top = demo["hits"][:5]
    assert [sample_of(hit["path"], samples).caption for hit in top] == ["blue denim jeans"] * 5
    assert all(hit["label"] == "entailment" and hit["entailment"] > 0.5 and -1 <= hit["similarity"] <= 1 for hit in top)
    scores = [hit["score"] for hit in demo["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert demo["reranked"] is True


def test_top_five_are_right_for_the_catalogues_captions(engine: SearchEngine, samples: dict[str, Sample]) -> None:
    right = []
    for caption in DEMO_CAPTIONS:
        hits = engine.search(caption, top_k=5).hits
        found = [sample_of(hit.path, samples).caption for hit in hits]
        if found == [caption] * 5:
            right.append(caption)
        else:
            print(f"\n{caption}: top 5 are {found}")
    print(f"\ntop 5 all right for {len(right)} of {len(DEMO_CAPTIONS)} captions")
    assert "blue denim jeans" in right
    assert len(right) >= 21


def test_reranking_helps_on_single_items(engine: SearchEngine, samples: dict[str, Sample]) -> None:
    report = evaluate(engine, Judgements(tuple(queries(engine, samples, items=1))))
    print(f"\nsingle items\n{text_table(report)}")
    for metric in ("r@1", "ndcg@10"):
        found = report.overall.metrics[metric]
        assert found.reranked is not None
        assert found.reranked.value >= found.similarity.value


def test_reranking_tells_which_thing_has_which_colour(
    demo: dict[str, Any], engine: SearchEngine, samples: dict[str, Sample]
) -> None:
    """Two pictures that differ only in which item has which colour, and the caption of each in turn."""
    pairs = swapped_pairs(list(samples.values()))
    assert len(pairs) >= 30
    similar = reranked = 0
    for pair in pairs:
        images = [Image.open(Path(demo["demo"]["pictures"]) / sample.filename).convert("RGB") for sample in pair]
        captions = [sample.caption for sample in pair]
        similarity = engine.encoder.encode_texts(captions) @ engine.encoder.encode_images(images).T
        similar += sum(int(row.argmax()) == right for right, row in enumerate(similarity))
        assert engine.reranker is not None
        scores = engine.reranker.score([(image, text) for text in captions for image in images])[:, 0].reshape(2, 2)
        reranked += sum(int(row.argmax()) == right for right, row in enumerate(scores))
    total = 2 * len(pairs)
    print(
        f"\nbinding, {total} choices between a scene and its swap (chance .50): similarity R@1 {similar / total:.2f}, "
        f"reranked R@1 {reranked / total:.2f}"
    )
    assert total >= 60
    assert reranked / total >= 0.9


def queries(engine: SearchEngine, samples: dict[str, Sample], *, items: int) -> list[Query]:
    result = engine.search("anything", top_k=10_000, rerank=False)
    known = [(hit.id, sample_of(hit.path, samples)) for hit in result.hits]
    captions = [(image, sample.caption) for image, sample in known if len(sample.scene.items) == items]
    # A query is fair only where its caption says all: "a blue shirt" also holds for a blue striped shirt.
    return [query for query in group_queries(captions) if query.text in DEMO_CAPTIONS or items > 1]


def swapped_pairs(samples: list[Sample]) -> list[tuple[Sample, Sample]]:
    two_items: dict[Scene, Sample] = {sample.scene: sample for sample in samples if len(sample.scene.items) == 2}
    found = []
    for scene, sample in two_items.items():
        other = two_items.get(swapped(scene))
        if other is not None and sample.filename < other.filename:
            found.append((sample, other))
    return found
