"""Audits whose rows name URLs: fetched from a site on this machine that is on the list, judged by the real model."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from api.app import create_app
from api.settings import Settings
from tests.api.conftest import running, wait_ready
from tests.api.test_audits import finished, pictures_and_rows, table_of


class Shop(SimpleHTTPRequestHandler):
    """A site that hands out a folder of pictures, and remembers which were asked for."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def shop(photos: Path) -> Iterator[str]:
    """The shop as ``host:port``."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Shop, directory=str(photos))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def http(collection: Path, shop: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A ready service that fetches from the shop alone."""
    settings = Settings(
        collection=collection,
        audit_dir=tmp_path_factory.mktemp("audits"),
        fetch="hosts",
        fetch_hosts=(shop,),
        fetch_private=True,
    )
    with running(create_app(settings)) as url, httpx.Client(base_url=url, timeout=60) as opened:
        wait_ready(url)
        yield opened


def test_an_audit_fetches_its_pictures(http: httpx.Client, shop: str, photos: Path) -> None:
    _, rows = pictures_and_rows(photos)
    good = [[f"http://{shop}/{name}", *others] for name, *others in rows[:12]]
    bad = [
        [url, "a mug", "", ""] for url in (f"http://{shop}/gone.jpg", "http://127.0.0.1/a.jpg", "file:///etc/passwd")
    ]
    asked = http.post("/v1/audits", files={"table": ("shop.csv", table_of(good + bad))})
    assert asked.status_code == 202, asked.text
    found = finished(http, asked.headers["location"])
    assert (found["state"], found["rows"], found["done"]) == ("done", 15, 15)
    assert [one["row"] for one in found["failures"]] == [13, 14, 15]
    # As from files: each row is judged, and rightly.
    assert found["counts"]["failed"] == 3
    assert found["accuracy"] > 0.8
    lines = [json.loads(line) for line in http.get(found["reports"]["jsonl"]).text.splitlines()]
    assert [line["image"] for line in lines] == [url for url, *_ in good + bad]
    assert {name.lstrip("/") for name in Shop.asked} == {name for name, *_ in rows[:12]} | {"gone.jpg"}
    # And is seen on the page.
    picture = http.get(found["mismatches"][0]["thumbnail_url"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content[:3] == b"\xff\xd8\xff"
