from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from api.app import create_app
from api.hosts import allowed_hosts
from api.settings import Settings
from tests.api.conftest import assert_problem, running, wait_ready
from tests.api.fakes import FakeEngine

QUERY = {"query": "a"}
FRIEND = "https://shop.example"


@pytest.fixture(scope="module")
def guarded(shared_engine: FakeEngine) -> Iterator[str]:
    """The URL of a service with names of its own and one site that may call it."""
    settings = Settings(allowed_hosts=("pictures.example", "*.inner.example"), cors_origins=(FRIEND,))
    with running(create_app(settings, open_engine=lambda: shared_engine)) as url:
        wait_ready(url)
        yield url


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8000", "app.localhost", "localhost."])
def test_on_loopback_its_own_names_are_answered(client: httpx.Client, host: str) -> None:
    assert client.get("/v1/collection", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::1", "10.0.0.1"]
)
@pytest.mark.parametrize("path", ["/", "/v1/collection", "/metrics", "/nope"])
def test_a_foreign_name_for_this_machine_is_refused(client: httpx.Client, host: str, path: str) -> None:
    assert_problem(client.get(path, headers={"Host": host}), 421, "Host")


def test_probes_may_come_by_any_name(client: httpx.Client) -> None:
    for path in ("/livez", "/readyz"):
        assert client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200


def test_named_hosts_are_the_only_ones(guarded: str) -> None:
    for host, status in {
        "pictures.example": 200,
        "a.inner.example:80": 200,
        "inner.example": 421,
        "localhost": 421,
    }.items():
        assert httpx.get(f"{guarded}/v1/collection", headers={"Host": host}).status_code == status


def test_beyond_loopback_any_name_is_answered_unless_some_are_named() -> None:
    assert allowed_hosts("0.0.0.0", ()) == ("*",)
    assert allowed_hosts("0.0.0.0", ("a.example",)) == ("a.example",)
    assert "127.0.0.2" in allowed_hosts("127.0.0.2", ())


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://192.168.0.7"},
        {"Origin": "null"},
    ],
)
def test_what_another_sites_page_posts_is_refused(client: httpx.Client, headers: dict[str, str]) -> None:
    form = {"Content-Type": "text/plain"} | headers  # what a page may send without asking first
    assert_problem(client.post("/v1/search", content=b"{}", headers=form), 403, "another site")
    assert client.get("/v1/collection", headers=headers).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}])
def test_our_own_page_and_programs_pass(client: httpx.Client, headers: dict[str, str]) -> None:
    assert client.post("/v1/search", json=QUERY, headers=headers).status_code == 200
    own = {"Origin": str(client.base_url).rstrip("/")}
    assert client.post("/v1/search", json=QUERY, headers=own).status_code == 200


def test_other_sites_read_nothing_unless_they_are_named(client: httpx.Client, guarded: str) -> None:
    asked = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}
    assert "access-control-allow-origin" not in client.get("/v1/collection", headers=asked).headers

    host = {"Host": "pictures.example"}
    answer = httpx.post(f"{guarded}/v1/search", json=QUERY, headers=asked | host)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == FRIEND
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = httpx.options(f"{guarded}/v1/search", headers=asked | host | preflight)
    assert allowed.status_code == 200
    assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
    stranger = httpx.get(f"{guarded}/v1/collection", headers=host | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in stranger.headers
