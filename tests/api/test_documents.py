"""The documents of a rerank request: every form of a picture, and every way to get it wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.settings import Settings
from tests.api.conftest import running, wait_ready
from tests.api.fakes import FakeEngine, FakeShelf
from tests.api.rerank_requests import JPEG, RED, drawn, encoded, reranked


def failure(client: httpx.Client, document: object) -> str:
    """What is said of a bad document between two good ones, which are ranked."""
    answer = reranked(client, [RED, document, {"image": RED}])
    assert [result["index"] for result in answer["results"]] == [0, 2]
    assert [error["index"] for error in answer["errors"]] == [1]
    detail: str = answer["errors"][0]["detail"]
    return detail


@pytest.mark.parametrize(
    "document",
    [
        RED,
        RED.replace("png", "PNG;charset=x").replace("data", "DATA"),
        JPEG,
        f"\n{JPEG[:76]}\n{JPEG[76:]}",
        {"image": JPEG},
        {"image": JPEG.replace("+", "-").replace("/", "_").rstrip("=")},
        {"image": {"url": RED}},
        {"image_url": RED},
        {"type": "image_url", "image_url": {"url": RED}},
        {"image": RED, "id": "sku-7", "title": "any other field", "price": 3.5},
        {"image": RED, "id": 7, "caption": None, "text": ""},
        f"image: {RED}\ncaption: 'a field'\n",
        json.dumps({"image": RED, "text": "a field"}),
    ],
)
def test_every_form_of_a_picture(client: httpx.Client, document: Any) -> None:
    answer = reranked(client, [document])
    assert answer["errors"] == []
    assert [result["index"] for result in answer["results"]] == [0]


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ({"image": "data:image/png;base64,@@@@"}, "base64 is damaged"),
        ("data:image/png;base64,", "empty"),
        ({"image": "data:image/png,%89PNG"}, "without base64"),
        ({"image": f"data:image/png;base64,{encoded(drawn('red')[:80])}"}, "damaged"),
        ({"image": f"data:image/svg+xml;base64,{encoded(b'<svg/>')}"}, "not an image"),
        ({"image": f"data:image/png;base64,{encoded(drawn('red', (9000, 9000)))}"}, "pixels"),
        ({"image": "/etc/passwd"}, "image"),
        ({"image": "file:///etc/passwd"}, "fetches no URLs"),
        ({"image": "photos/a.jpg"}, "data URI"),
        ({"image": 5}, "must be a string"),
        ({"image_url": ["a"]}, "must be a string"),
        ("https://example.org/a.jpg", "fetches no URLs"),
        ({"image_url": {"url": "http://169.254.169.254/"}}, "fetches no URLs"),
        ({"id": "img_" + "0" * 20}, "no such image"),
        ("img_" + "0" * 20, "no such image"),
        ({"id": "../../etc/passwd"}, "20 hexadecimal"),
        ({"id": 7}, "20 hexadecimal"),
        ({"image": RED, "caption": 7}, "caption: must be a string"),
        ({"image": RED, "text": ["a"]}, "text: must be a string"),
        ({"image": RED, "caption": "\ud800"}, "surrogates"),
        (json.dumps({"image": RED, "caption": "\ud800"}), "surrogates"),
        ({"image": RED, "price": math.nan}, "finite"),
        ({"image": RED, "\ud800": 1}, "surrogates"),
        ("words", "only pictures"),
        ("data: the new oil", "only pictures"),
        ("{" * 50_000, "only pictures"),
        ("", "only pictures"),
        ({"text": "words"}, "only pictures"),
        ({"text": RED}, "text: is for words"),
        ({}, "neither image nor id"),
        ({"url": RED}, "neither image nor id"),
        (None, "not null"),
        (5, "not 5"),
        ([RED], "not [" + '"data'),
    ],
)
def test_a_bad_document_is_named_and_the_others_are_ranked(client: httpx.Client, document: Any, word: str) -> None:
    assert word in failure(client, document)


def test_a_document_nested_without_end(client: httpx.Client) -> None:
    nested: list[Any] = []
    for _ in range(500):
        nested = [nested]
    assert "not JSON" in failure(client, {"image": RED, "extra": nested})


def test_every_document_bad_is_still_an_answer(client: httpx.Client) -> None:
    answer = reranked(client, [{"image": "data:image/png;base64,@"}, {"image": "https://example.org/a.jpg"}])
    assert answer["results"] == []
    assert [error["index"] for error in answer["errors"]] == [0, 1]


def test_documents_come_back_as_they_were_sent(client: httpx.Client) -> None:
    document = {"image": RED, "sku": "7", "nested": {"a": [1, None, "ü"]}}
    results = reranked(client, [RED, document], return_documents=True)["results"]
    assert [result["document"] for result in results] == [{"text": RED}, document]


def test_captions_are_premises(client: httpx.Client, shared_engine: FakeEngine) -> None:
    documents = [{"image": RED, "caption": " a field "}, {"image": RED, "text": "b" * 9000}, {"image": RED}]
    reranked(client, documents)
    assert shared_engine.reranker is not None
    assert [one.caption for one in shared_engine.reranker.ranked] == ["a field", "b" * 2000, None]


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(drawn("blue"))
    (tmp_path / "b.png").write_bytes(drawn("red"))
    engine = FakeEngine(FakeShelf(tmp_path))
    ids = {path.name: image_id for image_id, path in engine.collection.paths.items()}
    with running(create_app(Settings(), open_engine=lambda: engine)) as url, httpx.Client(base_url=url) as client:
        wait_ready(url)
        (tmp_path / "a.png").unlink()
        answer = reranked(client, [{"id": ids["a.png"]}, {"id": ids["b.png"]}])
    assert [result["index"] for result in answer["results"]] == [1]
    assert "does not exist" in answer["errors"][0]["detail"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_no_damage_fails_the_others(client: httpx.Client, kind: str) -> None:
    whole = drawn("red", kind=kind)
    documents: list[Any] = [RED]
    for place in range(0, min(len(whole), 400), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        documents.append({"image": encoded(bytes(damaged))})
    answer = reranked(client, documents)
    assert answer["results"][0]["index"] == 0
    assert len(answer["results"]) + len(answer["errors"]) == len(documents)
