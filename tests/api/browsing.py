"""A real Chromium, and pages in it that must neither complain nor ask anything of another host."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: apt-get install chromium")
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
DESK, PHONE = (1280, 900), (390, 844)
PATIENCE_MS = 120_000
GRAVE = ("serious", "critical")
# A machine with other things to do may answer so; the page then asks again.
BUSY = 429
# What Chromium says by itself of every answer that is an error.
REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")

expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that talks to nobody of its own accord."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield opened
        opened.close()


@contextmanager
def browsing(
    browser: Browser, service: str, *, theme: str = "light", size: tuple[int, int] = DESK, refused: tuple[int, ...] = ()
) -> Iterator[Page]:
    """A page on ``service``; at the end it must be silent but for the ``refused`` statuses, and not scroll sideways."""
    width, height = size
    context = browser.new_context(
        base_url=service,
        color_scheme="dark" if theme == "dark" else "light",
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []

    def said(message: ConsoleMessage) -> None:
        status = REFUSED.match(message.text)
        if message.type in ("error", "warning") and not (status and int(status[1]) in (BUSY, *refused)):
            complaints.append(message.text)

    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: None if _own(asked.url, service) else complaints.append(asked.url))
    yield page
    assert not complaints, complaints
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def _own(url: str, service: str) -> bool:
    return url.startswith((service + "/", "data:", "blob:"))


def pictures_are_shown(pictures: Locator, count: int) -> None:
    """Wait until the first ``count`` of ``pictures`` are drawn."""
    # Not wait_for_function: it asks again from within the page, whose policy forbids `eval`.
    for place in range(count):
        expect(pictures.nth(place)).to_have_js_property("complete", True)
        expect(pictures.nth(place)).not_to_have_js_property("naturalWidth", 0)


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing serious or critical in what is shown."""
    found = [one for one in Axe().run(page).response["violations"] if one["impact"] in GRAVE]
    told = [(one["id"], node["target"], node["failureSummary"]) for one in found for node in one["nodes"]]
    assert told == []


def judged(page: Page) -> None:
    """Wait until the search's final order is shown."""
    expect(page.locator("#timings")).to_contain_text("rerank")
    expect(page.locator("#reading")).to_be_hidden()


def order(page: Page) -> list[str]:
    """The ids of the hits that are shown."""
    ids: list[str] = page.locator("#hits .hit").evaluate_all("cards => cards.map(card => card.dataset.id)")
    return ids
