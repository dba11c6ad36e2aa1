"""Files made to take a decoder's time or memory, sent everywhere that a picture can be sent."""

from __future__ import annotations

import base64
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.api.conftest import wait_ready
from tests.api.test_process import serving
from tests.rerank.bombs import claiming_png, flat_png, many_scans, many_texts
from tests.rerank.quarters import encode

# Of processor time for one picture.
SECONDS = 2
# What one answer may take by the clock on a machine that does ten other things.
PATIENCE = 120.0
GOOD = encode(Image.new("RGB", (300, 200), "teal"), "JPEG")
# Refused, and with which statuses.
BOMBS = {
    "scans": (lambda: many_scans(4_000, 900), {415, 422}),
    "texts": (lambda: many_texts(2_000_000), {415, 422}),
    "claim": (lambda: claiming_png(100_000, 100_000), {422}),
    "flat": (lambda: flat_png(12_000, 12_000), {422}),
    "webp": (lambda: encode(Image.new("RGB", (16_000, 16_000)), "WEBP", lossless=True), {422}),
    "endless": (lambda: GOOD[:-2] + bytes(15 * 2**20) + GOOD[-2:], {200, 415, 422}),
}
# Legal, within the limits, and dear: taken, or given up, but never at the server's cost.
DEAR = {
    "png": lambda: flat_png(7_000, 7_000),
    "webp": lambda: encode(Image.new("RGB", (7_000, 7_000)), "WEBP", quality=1),
    "avif": lambda: encode(Image.new("RGB", (7_000, 7_000)), "AVIF", quality=1, speed=10),
}


class Served:
    """A server process of its own, whose memory can be measured."""

    def __init__(self, url: str, process: subprocess.Popen[str]) -> None:
        self.client = httpx.Client(base_url=url, timeout=PATIENCE)
        self.process = process

    def most_memory(self) -> int:
        """The most that the server ever had resident, in bytes; its decoders are processes of their own."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

    def send(self, way: str, data: bytes) -> httpx.Response:
        """A picture in one of the ways there are."""
        uri = "data:image/png;base64," + base64.b64encode(data).decode()
        if way == "form":
            return self.client.post("/v1/entailment", files={"image": data}, data={"text": "a square"})
        if way == "upload":
            return self.client.post("/v1/images", files={"image": ("a.png", data)})
        if way == "search":
            return self.client.post("/v1/search", json={"image": uri, "rerank": False, "top_k": 1})
        return self.client.post("/v1/rerank", json={"query": "a square", "documents": [{"image": uri}]})


@pytest.fixture(scope="module")
def served(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server over a copy of the photos' collection that takes larger bodies than any bomb here has."""
    target = tmp_path_factory.mktemp("bombed") / "photos.collection"
    shutil.copytree(collection, target)
    limits = {"VERALENS_DECODE_SECONDS": str(SECONDS), "VERALENS_MAX_BODY_BYTES": str(64 * 2**20)}
    with serving("-c", str(target), OMP_NUM_THREADS="1", **limits) as (process, url):
        wait_ready(url)
        served = Served(url, process)
        with served.client:
            yield served


@pytest.mark.parametrize("name", BOMBS)
def test_each_bomb_is_refused_and_the_next_request_is_served(served: Served, name: str) -> None:
    make, statuses = BOMBS[name]
    bomb, before = make(), served.most_memory()
    for way in ("form", "upload", "search", "rerank"):
        began = time.monotonic()
        answer = served.send(way, bomb)
        assert time.monotonic() - began < PATIENCE
        if way == "rerank":
            assert answer.status_code == 200, answer.text
            assert answer.json()["errors"] or 200 in statuses
        else:
            assert answer.status_code in statuses | ({201} if 200 in statuses else set()), answer.text
        assert served.send("form", GOOD).status_code == 200
    # Bodies come in as base64 in JSON: several times their own bytes, but nothing of their pixels.
    assert served.most_memory() - before < 12 * len(bomb) + 300 * 2**20


@pytest.mark.parametrize("name", DEAR)
def test_dear_pictures_do_not_grow_the_server(served: Served, name: str) -> None:
    data, before = DEAR[name](), served.most_memory()
    for _ in range(3):
        answer = served.send("form", data)
        assert answer.status_code in (200, 422), answer.text
    assert served.send("form", GOOD).status_code == 200
    assert served.most_memory() - before < 200 * 2**20
