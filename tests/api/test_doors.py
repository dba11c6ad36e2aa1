from __future__ import annotations

import base64
import socket
from collections.abc import Iterator

import httpx
import pytest

from api.app import create_app
from api.settings import Settings
from tests.api.conftest import assert_problem, running, wait_ready
from tests.api.fakes import FakeEngine

LIMIT = 64 * 1024


@pytest.fixture(scope="module")
def locked(shared_engine: FakeEngine) -> Iterator[httpx.Client]:
    """A client of a service that wants one of two keys."""
    app = create_app(Settings.load(api_keys=("first", "second")), open_engine=lambda: shared_engine)
    with running(app) as url, httpx.Client(base_url=url) as client:
        wait_ready(url)
        yield client


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/v1/search?q=a", "/v1/collection", "/v1/models", "/v1/images/x", "/nope"]
)
def test_without_a_key_nothing_is_told(locked: httpx.Client, path: str) -> None:
    response = locked.get(path)
    assert_problem(response, 401, "Bearer")
    assert "Bearer" in response.headers["www-authenticate"]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_needs_no_key(locked: httpx.Client, path: str) -> None:
    assert locked.get(path).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer first"},
        {"authorization": "bearer second"},
        {"X-API-Key": "second"},
        {"Authorization": "Basic " + base64.b64encode(b"anyone:first").decode()},
    ],
)
def test_each_key_opens(locked: httpx.Client, headers: dict[str, str]) -> None:
    assert locked.get("/v1/collection", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer firs"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic first"},
        {"Authorization": "Digest first"},
        {"X-API-Key": ""},
        {"X-API-Key": "first,second"},
        {"X-API-Key": "wrong", "Authorization": "Bearer first"},
    ],
)
def test_nothing_else_opens(locked: httpx.Client, headers: dict[str, str]) -> None:
    assert_problem(locked.get("/v1/collection", headers=headers), 401)


def test_a_browser_is_asked_for_a_password(locked: httpx.Client) -> None:
    challenge = locked.get("/docs", headers={"Accept": "text/html"}).headers["www-authenticate"]
    assert challenge.startswith("Basic")


def test_the_page_asks_for_a_key_itself(locked: httpx.Client) -> None:
    page = locked.get("/", headers={"Accept": "text/html"})
    assert page.status_code == 401
    assert page.headers["www-authenticate"].startswith("Bearer")
    assert "An API key is needed" in page.text
    assert locked.get("/web/page.js").status_code == 200
    assert_problem(locked.get("/"), 401)


@pytest.fixture(scope="module")
def narrow(shared_engine: FakeEngine) -> Iterator[str]:
    """The URL of a service that takes small bodies only."""
    app = create_app(Settings(max_body_bytes=LIMIT), open_engine=lambda: shared_engine)
    with running(app) as url:
        wait_ready(url)
        yield url


@pytest.mark.parametrize("path", ["/v1/search", "/v1/entailment"])
def test_a_long_body_is_refused_by_its_stated_length(narrow: str, path: str) -> None:
    response = httpx.post(narrow + path, content=b"0" * (LIMIT + 1), headers={"Content-Type": "application/json"})
    assert_problem(response, 413, "65,536")


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize("path", ["/v1/search", "/v1/entailment"])
def test_a_long_body_in_chunks_is_refused_as_it_comes(narrow: str, path: str, kind: str) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'

    def chunks() -> Iterator[bytes]:
        yield head if "multipart" in kind else b'{"query": "'
        for _ in range(40):
            yield b"a" * 4096

    response = httpx.post(narrow + path, content=chunks(), headers={"Content-Type": kind})
    assert_problem(response, 413, "65,536")


def test_a_huge_length_is_answered_before_the_body_is_sent(narrow: str) -> None:
    host, port = narrow.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n"
        )
        assert raw.recv(4096).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("path", ["/", "/docs", "/v1/collection", "/nope", "/livez"])
def test_every_answer_has_the_security_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert "cache-control" in headers
