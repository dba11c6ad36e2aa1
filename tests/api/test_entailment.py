from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.api.conftest import assert_problem
from tests.api.fakes import VERDICT, FakeEngine


def data_uri(path: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()


def assert_verdict(response: httpx.Response) -> None:
    assert response.status_code == 200, response.text
    found = response.json()
    assert list(found) == ["label", "entailment", "neutral", "contradiction", "model"]
    assert found["label"] == "entailment"
    assert [found[name] for name in ("entailment", "neutral", "contradiction")] == pytest.approx(VERDICT)


def test_a_form_with_a_file(client: httpx.Client, pictures: Path) -> None:
    form = {"text": "a red field", "premise": "paint"}
    files = {"image": ("a.jpg", (pictures / "a.jpg").read_bytes())}
    assert_verdict(client.post("/v1/entailment", data=form, files=files))


def test_json_with_a_data_uri(client: httpx.Client, pictures: Path) -> None:
    body = {"image": data_uri(pictures / "a.jpg"), "text": "a red field", "premise": None}
    assert_verdict(client.post("/v1/entailment", json=body))


def test_json_with_an_image_id(client: httpx.Client, shared_engine: FakeEngine) -> None:
    body = {"image": next(iter(shared_engine.collection.paths)), "text": "a red field"}
    assert_verdict(client.post("/v1/entailment", json=body))
    assert_problem(client.post("/v1/entailment", json=body | {"image": "img_" + "0" * 20}), 404)


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"image": None}, 422, "image"),
        ({"image": "https://example.org/a.jpg"}, 422, "not fetched"),
        ({"image": "/etc/passwd"}, 422, "data URI"),
        ({"image": "data:image/png;base64,@@@@"}, 422, "base64"),
        ({"image": "data:image/png;base64,"}, 415, ""),
        ({"image": "data:image/png;base64," + base64.b64encode(b"<svg/>").decode()}, 415, "not an image"),
        ({"image": 5}, 422, "image"),
        ({"text": ""}, 422, "text"),
        ({"text": None}, 422, "text"),
        ({"text": "a" * 2001}, 422, "text"),
        ({"premise": 7}, 422, "premise"),
        ({"other": 7}, 422, "other"),
        ({"image": None, "image_url": "https://example.org/a.jpg"}, 422, "fetches no URLs"),
        ({"image_url": "file:///etc/passwd"}, 422, "fetches no URLs"),
    ],
)
def test_wrong_json(client: httpx.Client, pictures: Path, change: dict[str, Any], status: int, word: str) -> None:
    body = {"image": data_uri(pictures / "a.jpg"), "text": "a red field"} | change
    assert_problem(client.post("/v1/entailment", json=body), status, word)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"text"', b"\xff", b"[" * 100_000])
def test_json_that_is_none(client: httpx.Client, content: bytes) -> None:
    response = client.post("/v1/entailment", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
    assert_problem(response, response.status_code)


@pytest.mark.parametrize(
    ("data", "files", "word"),
    [
        ({}, {"image": b"x"}, "text"),
        ({"text": " "}, {"image": b"x"}, "text"),
        ({"text": "a"}, {"other": b"x"}, "other"),
        ({"text": "a", "image_url": "https://example.org"}, {"image": b"x"}, "fetches no URLs"),
        ({"text": "a", "colour": "red"}, {"image": b"x"}, "colour"),
        ({"text": ["a", "b"]}, {"image": b"x"}, "twice"),
    ],
)
def test_wrong_forms(client: httpx.Client, data: dict[str, Any], files: dict[str, bytes], word: str) -> None:
    assert_problem(client.post("/v1/entailment", data=data, files=files), 422, word)


def test_a_form_without_a_picture(client: httpx.Client) -> None:
    for part in (b"", b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\nwords\r\n'):
        body = part + b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\na\r\n--x--\r\n'
        response = client.post(
            "/v1/entailment", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert_problem(response, 422, "image")


def test_broken_forms(client: httpx.Client) -> None:
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        response = client.post("/v1/entailment", content=b"nonsense", headers={"Content-Type": kind})
        assert response.status_code in (400, 422)
        assert_problem(response, response.status_code)
    many = [("image", ("a.jpg", b"x"))] * 3
    assert_problem(client.post("/v1/entailment", data={"text": "a"}, files=many), 400, "files")


def test_another_kind_of_body(client: httpx.Client) -> None:
    assert_problem(client.post("/v1/entailment", content=b"x", headers={"Content-Type": "image/jpeg"}), 415)
    assert_problem(client.post("/v1/entailment", data={"text": "a"}), 415)
    assert_problem(client.post("/v1/entailment"), 415, "missing")


def upload(client: httpx.Client, content: bytes) -> httpx.Response:
    return client.post("/v1/entailment", data={"text": "a"}, files={"image": ("a.jpg", content)})


@pytest.mark.parametrize(
    "content", [b"", b"words", b"%!PS-Adobe-3.0 EPSF-3.0", b"<html></html>", b"PK\x03\x04", b"\xff\xd8\xff\xe0"]
)
def test_what_is_not_a_picture(client: httpx.Client, content: bytes) -> None:
    assert_problem(upload(client, content), 415)


def test_a_truncated_picture(client: httpx.Client, pictures: Path) -> None:
    assert_problem(upload(client, (pictures / "a.jpg").read_bytes()[:300]), 415)


def test_a_picture_with_too_many_pixels(client: httpx.Client) -> None:
    bomb = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 2**20
    assert_problem(upload(client, bomb.getvalue()), 422, "pixels")
