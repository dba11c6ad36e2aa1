"""What the page weighs, whom it asks, and what it does when it is not let in or has to wait."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Route, expect

from api.app import create_app
from api.settings import Settings
from indexer.samples.catalogue import DEMO_CAPTIONS
from tests.api.browsing import NEEDS_CHROMIUM, browsing, chromium, judged, pictures_are_shown
from tests.api.conftest import running, wait_ready

BUDGET_BYTES = 100_000
QUERY = "blue denim jeans"
FIELD = "What should the picture show?"

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def test_all_of_the_page_is_small_and_kept_by_the_browser(browser: Browser, service: str) -> None:
    asked: list[str] = []
    with browsing(browser, service) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto("/")
        expect(page.get_by_role("heading", name="Try")).to_be_visible()
    assets = sorted({url for url in asked if "/v1/" not in url})
    assert len(assets) > 10
    with httpx.Client(headers={"Accept-Encoding": "identity"}) as client:
        plain = {url: client.get(url) for url in assets}
        assert sum(len(one.content) for one in plain.values()) < BUDGET_BYTES
        for url, one in plain.items():
            again = client.get(url, headers={"If-None-Match": one.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
    for url, one in plain.items():
        sent = httpx.get(url, headers={"Accept-Encoding": "gzip"})
        assert sent.headers["content-encoding"] == "gzip"
        assert sent.content == one.content


@pytest.mark.parametrize("name", ["..%2fapp.py", "index.html", ".hidden.js", "nothing.js", "%2e%2e/v1/collection"])
def test_nothing_but_the_assets_is_handed_out(service: str, name: str) -> None:
    assert httpx.get(f"{service}/web/{name}").status_code == 404


@pytest.fixture(scope="module")
def locked(collection: Path) -> Iterator[str]:
    """The URL of a service that wants a key."""
    settings = Settings(collection=collection, examples=DEMO_CAPTIONS[:3], api_keys=("open sesame",))
    with running(create_app(settings)) as url:
        wait_ready(url)
        yield url


def test_a_key_is_asked_for_and_kept_in_this_tab_alone(browser: Browser, locked: str) -> None:
    with browsing(browser, locked, refused=(401,)) as page:
        page.goto(f"/?q={QUERY}")
        dialog = page.get_by_role("dialog", name="An API key is needed")
        dialog.get_by_label("Key").fill("wrong")
        dialog.get_by_label("Key").press("Enter")
        expect(dialog.get_by_text("This key is not known here.")).to_be_visible()
        dialog.get_by_label("Key").fill("open sesame")
        dialog.get_by_role("button", name="Unlock").click()
        judged(page)
        pictures_are_shown(page.locator(".hit img"), 3)
        stores = "[localStorage, sessionStorage].map(store => JSON.stringify(store)).concat(document.cookie)"
        kept = page.evaluate(stores)
        assert ["open sesame" in one for one in kept] == [False, True, False]
        assert "sesame" not in page.url
        page.reload()
        judged(page)
        pictures_are_shown(page.locator(".hit img"), 3)
        expect(dialog).to_have_count(0)
    with browsing(browser, locked, refused=(401,)) as page:
        page.goto("/")
        dialog = page.get_by_role("dialog", name="An API key is needed")
        dialog.get_by_role("button", name="Not now").click()
        expect(dialog).to_have_count(0)


@pytest.mark.parametrize(
    ("status", "detail"),
    [(429, "too many requests wait already"), (503, "the models are still loading")],
)
def test_a_busy_service_is_asked_again_when_it_says_so(
    browser: Browser, service: str, status: int, detail: str
) -> None:
    refusals = iter([True])

    def refuse_once(route: Route) -> None:
        if not next(refusals, False):
            route.continue_()
            return
        problem = {"type": "about:blank", "title": "Busy", "status": status, "detail": detail, "instance": "/"}
        route.fulfill(
            status=status, json=problem, headers={"Retry-After": "1", "Content-Type": "application/problem+json"}
        )

    with browsing(browser, service, refused=(status,)) as page:
        page.route(re.compile("/v1/search/stream"), refuse_once)
        seen: list[str] = []
        page.expose_function("told", lambda text: seen.append(text))
        page.add_init_script(
            "addEventListener('DOMContentLoaded', () => new MutationObserver(() => told(said.textContent))"
            ".observe(document.querySelector('#said'), { childList: true, subtree: true }))"
        )
        page.goto(f"/?q={QUERY}")
        judged(page)
        assert any(detail in text.lower() and "Trying again in 1 s" in text for text in seen)


def test_a_service_that_is_gone_is_told_and_can_be_tried_again(browser: Browser, service: str) -> None:
    with browsing(browser, service, refused=(502,)) as page:
        page.goto("/")
        expect(page.get_by_role("heading", name="Try")).to_be_visible()
        page.route(re.compile("/v1/search/stream"), lambda route: route.fulfill(status=502, body=""), times=1)
        page.get_by_label(FIELD).fill(QUERY)
        with page.expect_console_message(lambda message: "502" in message.text):
            page.keyboard.press("Enter")
        page.get_by_role("button", name="Try again").click()
        judged(page)


def test_dark_colours_by_the_system_and_by_hand(browser: Browser, service: str) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    with browsing(browser, service, theme="dark") as page:
        page.goto("/")
        dark = page.evaluate(background)
        page.get_by_role("button", name="Dark colours").click()
        light = page.evaluate(background)
        assert light != dark
        page.reload()
        assert page.evaluate(background) == light
        page.get_by_role("button", name="Dark colours").click()
        assert page.evaluate(background) == dark
