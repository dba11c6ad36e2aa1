"""``/v1/rerank`` of images by id: what the collection keeps of them is not computed again."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.cli import main
from api.settings import Settings
from tests.api.conftest import running, wait_ready


def test_no_picture_is_opened(
    collection: Path, photos: Path, tmp_path: Path, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Path(shutil.copytree(collection, tmp_path / "photos.collection"))
    assert main(["index", str(photos), "-c", str(target), "--precompute-rerank"]) == 0

    def ranked(url: str) -> dict[int, float]:
        response = httpx.post(f"{url}/v1/rerank", json=body, timeout=120).json()
        assert response["errors"] == []
        return {one["index"]: one["relevance_score"] for one in response["results"]}

    hits = httpx.get(f"{service}/v1/search?q=blue+jeans&rerank=false", timeout=60).json()["hits"]
    body = {"query": "blue denim jeans", "documents": [{"id": hit["id"]} for hit in hits]}
    wanted = ranked(service)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("no picture need be opened")

    with running(create_app(Settings(collection=target))) as url:
        wait_ready(url)
        monkeypatch.setattr("rerank.scoring.load_image", refuse)
        assert ranked(url) == pytest.approx(wanted, abs=0.02)
