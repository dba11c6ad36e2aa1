"""What is fetched by URL, what is not, and that both look alike from outside."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import httpcore
import httpx
import pytest

from api.addresses import is_public
from api.app import create_app
from api.fetch import Fetcher, FetchOff, FetchPolicy, FetchRefused
from api.settings import Settings
from api.urls import BadURL, parse_url
from tests.api.conftest import assert_problem, running, wait_ready
from tests.api.fakes import FakeEngine, FakeShelf
from tests.faults.ssrf import ADDRESSES, ALLOWED, Names
from tests.faults.ssrf_site import PICTURE, whole
from tests.faults.ssrf_urls import BODIES, GOOD, HOSTILE


class Recording(httpcore.AsyncNetworkBackend):
    """Notes where it is told to connect, and answers every request with a picture."""

    def __init__(self) -> None:
        self.connected: list[tuple[str, int]] = []
        self._inner = httpcore.AsyncMockBackend([whole(PICTURE)])

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.connected.append((host, port))
        return await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)


def test_nothing_but_public_addresses_is_connected_to() -> None:
    network, names = Recording(), Names()
    fetcher = Fetcher(FetchPolicy("guarded"), max_bytes=10_000, seconds=1.0, resolve=names, network=network)

    async def fetch_all(urls: list[str]) -> int:
        refused = 0
        for url in urls:
            try:
                assert await fetcher.fetch(url) == PICTURE
            except FetchRefused:
                refused += 1
        return refused

    elsewhere = [url for url in HOSTILE if url not in BODIES and "/to?" not in url and "wrong-name" not in url]
    assert anyio.run(fetch_all, elsewhere) == len(elsewhere)
    assert network.connected == []
    good = [url for url in GOOD if url.startswith("http:")]
    assert anyio.run(fetch_all, good) == 0
    assert {address for address, _ in network.connected} == ALLOWED
    # Looked up once: what a name leads to a moment later does not count.
    assert names.asked["rebind.test"] == 1


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "::ffff:8.8.8.8", "2606:4700::1111", "192.0.1.1"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


def test_urls_mean_one_thing() -> None:
    target = parse_url("HTTPS://Example.ORG.:443/a%20b?c=ä#d")
    assert (target.scheme, target.host, target.port, target.path) == ("https", "example.org", 443, "/a%20b?c=%C3%A4")
    assert parse_url("http://example.org?q").path == "/?q"
    assert parse_url("http://EXAMPLE.org:8080").authority == "example.org:8080"
    with pytest.raises(BadURL):
        parse_url("http://a_\u2024b.example.org/ ")


def test_a_list_of_hosts() -> None:
    network = Recording()
    policy = FetchPolicy("hosts", ("good.test", "*.example.org", "loop.test"))

    async def resolve(host: str, port: int) -> list[str]:
        return ADDRESSES.get(host, ["93.184.215.14"])

    fetcher = Fetcher(policy, max_bytes=10_000, resolve=resolve, network=network)
    for url in ("http://good.test/", "http://GOOD.test/", "http://a.example.org/", "http://a.b.example.org/"):
        assert anyio.run(fetcher.fetch, url) == PICTURE
    for url in ("http://other.test/", "http://example.org/", "http://good.test:8080/", "http://xexample.org/"):
        with pytest.raises(FetchRefused):
            anyio.run(fetcher.fetch, url)
    # To be on the list is not to be in our network.
    with pytest.raises(FetchRefused):
        anyio.run(fetcher.fetch, "http://loop.test/")


def test_off_unless_it_is_switched_on() -> None:
    assert Settings().fetch == "off"
    with pytest.raises(FetchOff):
        anyio.run(Fetcher(FetchPolicy(), max_bytes=10).fetch, "http://good.test/")


class Site(BaseHTTPRequestHandler):
    """A site of pictures."""

    def do_GET(self) -> None:
        found = self.path.endswith(".png")
        body = PICTURE if found else b"<html>"
        self.send_response(404 if self.path == "/404" else 200)
        self.send_header("Content-Type", "text/plain")  # which is not believed
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A site on this machine, as ``host:port``."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def fetching(site: str, pictures: Path) -> Iterator[httpx.Client]:
    """A service that fetches from the site alone."""
    settings = Settings(fetch="hosts", fetch_hosts=(site,), fetch_private=True)
    app = create_app(settings, open_engine=lambda: FakeEngine(FakeShelf(pictures)))
    with running(app) as url, httpx.Client(base_url=url, timeout=60) as opened:
        wait_ready(url)
        yield opened


def test_a_verdict_on_a_picture_from_the_web(fetching: httpx.Client, site: str) -> None:
    body = {"image_url": f"http://{site}/a.png", "text": "a green square"}
    assert fetching.post("/v1/entailment", json=body).status_code == 200
    form = fetching.post("/v1/entailment", files={"image_url": (None, body["image_url"]), "text": (None, "green")})
    assert form.status_code == 200, form.text
    both = body | {"image": "data:image/png;base64," + base64.b64encode(PICTURE).decode()}
    assert_problem(fetching.post("/v1/entailment", json=both), 422, "image_url")
    page = fetching.post("/v1/entailment", json=body | {"image_url": f"http://{site}/page"})
    assert_problem(page, 415, "not an image")


def test_refused_and_unreachable_look_alike(fetching: httpx.Client, site: str) -> None:
    answers = set()
    closed = f"http://{site}/404"
    for url in (closed, "http://127.0.0.1/", "http://169.254.169.254/", "http://no.such.host.invalid/", "file:///etc"):
        answer = fetching.post("/v1/entailment", json={"image_url": url, "text": "a"})
        assert_problem(answer, 422, "cannot be fetched")
        answers.add(str({name: value for name, value in answer.json().items() if name != "request_id"}))
    assert len(answers) == 1


def test_documents_at_urls(fetching: httpx.Client, site: str) -> None:
    good, bad = f"http://{site}/a.png", "http://10.0.0.1/a.png"
    documents = [good, {"image": bad}, {"image_url": {"url": good}}, {"image": f"http://{site}/page"}]
    answer = fetching.post("/v1/rerank", json={"query": "green", "documents": documents}).json()
    assert [one["index"] for one in answer["results"]] == [0, 2]
    assert "cannot be fetched" in answer["errors"][0]["detail"]
    assert "not an image" in answer["errors"][1]["detail"]
    many = fetching.post("/v1/rerank", json={"query": "green", "documents": [good] * 40}).json()
    assert (len(many["results"]), len(many["errors"])) == (32, 8)
    assert "no more than 32" in many["errors"][0]["detail"]


def test_an_explanation_of_a_picture_from_the_web(fetching: httpx.Client, site: str) -> None:
    body = {"image_url": f"http://{site}/a.png", "text": "a green square"}
    answer = fetching.post("/v1/explain", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["parts"][0]["text"] == "green square"
    form = fetching.post("/v1/explain", files={"image_url": (None, body["image_url"]), "text": (None, "green")})
    assert form.status_code == 200, form.text
    assert_problem(
        fetching.post("/v1/explain", json=body | {"image_url": "http://10.0.0.1/"}), 422, "cannot be fetched"
    )
