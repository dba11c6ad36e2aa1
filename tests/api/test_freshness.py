"""A server over a collection that others write to and re-embed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.settings import Settings
from indexer import build_collection
from indexer.reembed import reembed_collection
from retrieval import SearchEngine
from retrieval.collection import Collection
from retrieval.lock import lock_directory
from tests.api.conftest import assert_problem, running, wait_ready, wait_until
from tests.fakes import ColourEncoder
from tests.pictures import paint, paint_all

ENCODERS = {"colours": ColourEncoder(), "others": ColourEncoder(fingerprint="colours-2", name="others")}


@dataclass
class Place:
    """A folder, its collection, and the engines that were opened over it."""

    folder: Path
    target: Path
    opened: list[SearchEngine] = field(default_factory=list)

    def open_engine(self) -> SearchEngine:
        collection = Collection.open(self.target)
        self.opened.append(SearchEngine(collection, ENCODERS[collection.encoder.name], None))
        return self.opened[-1]

    def index(self) -> int:
        """Take in what has changed; the generation."""
        encoder = self.opened[-1].encoder if self.opened else ENCODERS["colours"]
        build_collection([self.folder], self.target, encoder=encoder)
        with Collection.open(self.target) as collection:
            return collection.info().generation


@pytest.fixture
def place(tmp_path: Path) -> Place:
    paint_all(tmp_path / "photos")
    made = Place(tmp_path / "photos", tmp_path / "photos.collection")
    made.index()
    return made


@contextmanager
def served(place: Place) -> Iterator[httpx.Client]:
    with (
        running(create_app(Settings(collection=place.target), open_engine=place.open_engine)) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        wait_ready(url)
        yield client


def names(client: httpx.Client, **options: object) -> set[str]:
    answer = client.post("/v1/search", json={"query": "red", "top_k": 50, "rerank": False, **options})
    assert answer.status_code == 200, answer.text
    return {Path(hit["path"]).stem for hit in answer.json()["hits"]}


def test_who_wrote_reads_what_was_written(place: Place) -> None:
    with served(place) as client:
        paint(place.folder / "navy.png", (0, 0, 128))
        generation = place.index()
        assert "navy" in names(client, min_generation=generation)
        refused = client.post("/v1/search", json={"query": "red", "rerank": False, "min_generation": generation + 1})
        assert_problem(refused, 503, "not yet at")
        assert str(place.target) not in refused.text
        assert refused.headers["retry-after"] == "1"
        assert_problem(client.post("/v1/search", json={"query": "red", "min_generation": -1}), 422, "min_generation")


def test_a_server_that_nobody_asks_keeps_up(place: Place) -> None:
    with served(place) as client:
        assert client.get("/v1/collection").json()["images"] == 8
        paint(place.folder / "navy.png", (0, 0, 128))
        place.index()
        wait_until(lambda: client.get("/v1/collection").json()["images"] == 9)
        (place.folder / "navy.png").unlink()
        place.index()
        wait_until(lambda: client.get("/v1/collection").json()["images"] == 8)


def test_a_new_encoder_takes_over_without_a_query_dropped(place: Place) -> None:
    with served(place) as client:
        assert len(names(client)) == 8
        report = reembed_collection(place.target, encoder=ENCODERS["others"])
        assert report.switched
        for _ in range(20):
            assert len(names(client)) == 8  # by the old encoder or the new one
        wait_until(lambda: client.get("/v1/collection").json()["encoder"]["name"] == "others")
        assert len(names(client)) == 8
        assert len(place.opened) == 2
        paint(place.folder / "navy.png", (0, 0, 128))
        assert "navy" in names(client, min_generation=place.index())


def test_searches_need_no_lock(place: Place) -> None:
    with served(place) as client, lock_directory(place.target):
        assert len(names(client)) == 8
