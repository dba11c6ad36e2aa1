"""The documented requests against the real engine."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.api.test_cli import HIT

QUERY = "blue denim jeans"


def post(service: str, **body: Any) -> dict[str, Any]:
    response = httpx.post(f"{service}/v1/search", json={"query": QUERY} | body, timeout=60)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_the_documented_request_gives_the_documented_body(service: str) -> None:
    found = post(
        service,
        top_k=10,
        candidates=100,
        rerank=True,
        min_entailment=0.0,
        fusion_weight=None,
        filter=None,
        cursor=None,
        image=None,
        negative=None,
        deadline_ms=None,
    )
    assert set(found) == {"hits", "reranked", "degraded", "next_cursor", "collection", "took_ms"}
    assert set(found["collection"]) == {"name", "images", "generation"}
    assert set(found["took_ms"]) == {"encode", "retrieve", "rerank", "total"}
    assert len(found["hits"]) == 10
    assert all(set(HIT) <= set(hit) for hit in found["hits"])
    assert QUERY.replace(" ", "_") in found["hits"][0]["path"]
    assert found["hits"][0]["label"] == "entailment"


def test_the_link_gives_the_same(service: str) -> None:
    linked = httpx.get(f"{service}/v1/search", params={"q": QUERY, "top_k": 5}, timeout=60).json()
    assert linked["hits"] == post(service, top_k=5)["hits"]


def test_without_rerank(service: str) -> None:
    found = post(service, rerank=False)
    assert found["reranked"] is False
    similarities = [hit["similarity"] for hit in found["hits"]]
    assert similarities == sorted(similarities, reverse=True)
    assert {hit["label"] for hit in found["hits"]} == {None}


def test_a_fused_score_is_between_the_two(service: str) -> None:
    hits = post(service, fusion_weight=0.5)["hits"]
    scores = [hit["score"] for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 < hit["score"] <= math.sqrt(hit["entailment"]) + 1e-6 for hit in hits)
    # The most similar candidate has nothing to make up for.
    nearest = max(hits, key=lambda hit: hit["similarity"])
    assert nearest["score"] == pytest.approx(math.sqrt(nearest["entailment"]), abs=1e-5)


def test_with_no_time_for_the_reranker_the_order_is_that_of_similarity(service: str) -> None:
    found, plain = post(service, deadline_ms=1), post(service, rerank=False)
    assert found["hits"] == plain["hits"]
    assert found["reranked"] is False
    assert "deadline" in found["degraded"]
    linked = httpx.get(f"{service}/v1/search", params={"q": QUERY, "deadline_ms": 1}, timeout=60).json()
    assert linked["hits"] == plain["hits"]
    in_time = post(service, deadline_ms=600_000)
    assert (in_time["reranked"], in_time["degraded"]) == (True, None)
    assert post(service, deadline_ms=1, min_entailment=0.5)["hits"] == []


def test_the_pictures_of_the_hits_are_served(service: str) -> None:
    hit = post(service, top_k=1)["hits"][0]
    whole = httpx.get(service + hit["image_url"])
    assert whole.content == Path(hit["path"]).read_bytes()
    small = httpx.get(service + hit["thumbnail_url"], params={"size": 128})
    assert max(Image.open(io.BytesIO(small.content)).size) == 128


def test_a_picture_checked_alone_gets_the_verdict_it_got_as_a_hit(service: str) -> None:
    hit = post(service, top_k=1)["hits"][0]
    content = Path(hit["path"]).read_bytes()
    found = httpx.post(
        f"{service}/v1/entailment", data={"text": QUERY}, files={"image": ("a.jpg", content)}, timeout=60
    ).json()
    assert set(found) == {"label", "entailment", "neutral", "contradiction", "model"}
    assert found["label"] == hit["label"]
    assert found["entailment"] == pytest.approx(hit["entailment"], abs=0.02)


def test_what_is_served(service: str, photos: Path) -> None:
    found = httpx.get(f"{service}/v1/collection").json()
    assert found["images"] == len(list(photos.iterdir()))
    assert found["encoder"]["name"] == "bundled"
    assert QUERY in found["examples"]
    models = httpx.get(f"{service}/v1/models").json()
    assert (models["encoder"]["name"], models["reranker"]) == ("bundled", "bundled")
