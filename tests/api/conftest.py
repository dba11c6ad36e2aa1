"""Real servers on loopback: over a fake engine where failure is arranged, over the bundled models elsewhere."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from api.app import create_app
from api.server import Server, listen, url_of
from api.settings import Settings
from indexer import build_collection
from indexer.samples.catalogue import DEMO_CAPTIONS, Sample, sample_catalogue
from indexer.samples.scenes import draw
from tests.api.fakes import FakeEngine, FakeShelf

# Enough for a search to be right or wrong, few enough to be indexed in seconds.
PER_CAPTION = 4
CAPTIONS = 8


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting of whoever runs the tests, and no file of theirs, is seen or touched."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("VERALENS_")]:
            patch.delenv(name)
        patch.setenv("VERALENS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """The URL of ``app`` served on a free port, as ``veralens serve`` does it."""
    listener = listen("127.0.0.1", 0)
    listening = threading.Event()
    server = Server(app, app.state.settings, lambda _: listening.set())
    thread = threading.Thread(target=server.run, args=[listener])
    thread.start()
    try:
        wait_until(lambda: listening.is_set() or not thread.is_alive())
        yield url_of(listener)
    finally:
        server.stop()
        thread.join(30)
        listener.close()


def wait_until(happens: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return when ``happens`` is true; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def wait_ready(url: str) -> None:
    """Return when the service at ``url`` is ready."""
    wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 200, 600)


def assert_problem(response: httpx.Response, status: int, word: str = "") -> None:
    """The response is a problem document of RFC 9457 with this status, and says ``word``."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(document)
    assert document["status"] == status
    assert unquote(document["instance"]) == unquote(response.url.path)
    assert word in document["detail"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a few real files: JPEG, PNG, TIFF."""
    folder = tmp_path_factory.mktemp("pictures")
    for number, (name, colour) in enumerate([("a.jpg", "red"), ("b.png", "green"), ("c.tif", "blue")]):
        Image.new("RGB", (600, 400 + number), colour).save(folder / name)
    return folder


@pytest.fixture
def engine(pictures: Path) -> FakeEngine:
    return FakeEngine(FakeShelf(pictures))


@pytest.fixture(scope="module")
def shared_engine(pictures: Path) -> FakeEngine:
    return FakeEngine(FakeShelf(pictures))


@pytest.fixture(scope="module")
def client(shared_engine: FakeEngine) -> Iterator[httpx.Client]:
    """A client of a ready service over the shared fake engine."""
    app = create_app(Settings(), open_engine=lambda: shared_engine)
    with running(app) as url, httpx.Client(base_url=url) as opened:
        wait_ready(url)
        yield opened


def real_samples() -> list[Sample]:
    """Some of the demo's pictures: those of its first captions."""
    chosen: list[Sample] = []
    for caption in DEMO_CAPTIONS[:CAPTIONS]:
        fitting = [sample for sample in sample_catalogue() if sample.caption.endswith(caption)]
        chosen += fitting[:PER_CAPTION]
    return chosen


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of drawn pictures, each named for what it shows."""
    folder = tmp_path_factory.mktemp("photos")
    for number, sample in enumerate(real_samples()):
        draw(sample.scene, size=352).save(folder / f"{sample.caption.replace(' ', '_')}-{number}.jpg")
    return folder


@pytest.fixture(scope="session")
def collection(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photos' collection, made with the bundled models."""
    path = tmp_path_factory.mktemp("collections") / "photos.collection"
    report = build_collection([photos], path, models="bundled")
    assert report.to_dict()["failed"] == []
    return path


@pytest.fixture(scope="session")
def service(collection: Path) -> Iterator[str]:
    """The URL of a ready service over the real collection."""
    settings = Settings(collection=collection, examples=DEMO_CAPTIONS[:3])
    with running(create_app(settings)) as url:
        wait_ready(url)
        yield url
