"""The documented requests against the real engine."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.api.conftest import assert_problem
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


def test_a_filter_lets_some_through_and_a_wrong_one_is_explained(service: str) -> None:
    found = post(service, filter='path = "*jeans*"', rerank=False)
    assert found["hits"]
    assert all("jeans" in hit["path"] for hit in found["hits"])
    assert post(service, filter="width > 100000")["hits"] == []
    response = httpx.post(f"{service}/v1/search", json={"query": "a", "filter": "width > 5 and colour = red"})
    assert_problem(response, 422, "character 15")
    (error,) = response.json()["errors"]
    assert (error["field"], error["pointer"]) == ("filter", "#/filter")
    assert "the fields are folder, path" in error["detail"]
    linked = httpx.get(f"{service}/v1/search", params={"q": "a", "filter": "width ="})
    assert_problem(linked, 422, "filter")


def test_pages_of_one_ranking(service: str) -> None:
    whole = post(service, top_k=20)["hits"]
    first = post(service, top_k=8)
    assert first["next_cursor"]
    second = post(service, top_k=8, cursor=first["next_cursor"])
    # A cursor may come alone, in a body or a link.
    third = httpx.post(f"{service}/v1/search", json={"top_k": 4, "cursor": second["next_cursor"]}).json()
    linked = httpx.get(f"{service}/v1/search", params={"top_k": 4, "cursor": second["next_cursor"]}).json()
    assert third["hits"] == linked["hits"]
    ids = [hit["id"] for page in (first, second, third) for hit in page["hits"]]
    assert ids == [hit["id"] for hit in whole]
    assert (second["reranked"], second["degraded"]) == (True, None)


@pytest.mark.parametrize("cursor", ["x", "A" * 71, "../../etc/passwd"])
def test_a_cursor_that_leads_nowhere(service: str, cursor: str) -> None:
    response = httpx.post(f"{service}/v1/search", json={"query": QUERY, "cursor": cursor})
    assert_problem(response, 422, "begin again without a cursor")
    assert [error["field"] for error in response.json()["errors"]] == ["cursor"]


def test_a_cursor_of_another_search(service: str) -> None:
    cursor = post(service, top_k=3)["next_cursor"]
    response = httpx.post(f"{service}/v1/search", json={"query": "something else", "cursor": cursor})
    assert_problem(response, 422, "belongs to another search")


def test_looking_for_what_looks_like_a_picture(service: str, photos: Path) -> None:
    path = next(path for path in sorted(photos.iterdir()) if "jeans" in path.name)
    uri = "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
    sent = httpx.post(f"{service}/v1/search", json={"image": uri}, timeout=60).json()
    assert sent["hits"][0]["path"] == str(path)
    assert (sent["reranked"], sent["hits"][0]["label"]) == (False, None)
    assert "nothing that could be checked" in sent["degraded"]
    image_id = sent["hits"][0]["id"]
    linked = httpx.get(f"{service}/v1/search", params={"image": image_id}, timeout=60).json()
    assert linked["hits"][0]["id"] == image_id
    both = post(service, image=image_id)
    assert both["reranked"] is True
    unknown = httpx.post(f"{service}/v1/search", json={"image": "img_" + "0" * 20})
    assert_problem(unknown, 404, "no image")
    for wrong, status in (("https://example.org/a.png", 422), ("data:image/png;base64,AAAA", 415), ("", 422)):
        assert_problem(httpx.post(f"{service}/v1/search", json={"image": wrong}), status)
    assert_problem(httpx.get(f"{service}/v1/search", params={"image": "file"}), 422, "image")


def test_not_this_and_copies_and_everything_compared(service: str) -> None:
    found = post(service, query="blue denim", negative="jeans", group_duplicates=True, exact=True)
    assert found["hits"]
    for hit in found["hits"]:
        assert 0.0 <= hit["negative_entailment"] <= 1.0
        assert isinstance(hit["duplicates"], list)
    assert post(service)["hits"][0]["negative_entailment"] is None
