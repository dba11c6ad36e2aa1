"""The page in a real browser: what a person does and sees, in both themes and at phone width."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
DESK, PHONE = (1280, 900), (390, 844)
QUERY = "blue denim jeans"

expect.set_options(timeout=30_000)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield opened
        opened.close()


@pytest.fixture(params=[("light", DESK), ("dark", DESK), ("light", PHONE), ("dark", PHONE)], ids=str)
def page(request: pytest.FixtureRequest, browser: Browser, service: str) -> Iterator[Page]:
    """A page that must neither complain, nor ask anything of another host, nor scroll sideways."""
    theme, (width, height) = request.param
    context = browser.new_context(base_url=service, color_scheme=theme, viewport={"width": width, "height": height})
    opened = context.new_page()
    complaints: list[str] = []
    opened.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda asked: None if _own(asked.url, service) else complaints.append(asked.url))
    opened.set_default_timeout(30_000)
    yield opened
    assert complaints == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def _own(url: str, service: str) -> bool:
    return url.startswith((service + "/", "data:", "blob:"))


def test_searching(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_text("Describe a picture in plain words.")).to_be_visible()
    page.get_by_label("What should the picture show?").fill(QUERY)
    page.keyboard.press("Enter")
    hits = page.locator(".hit")
    expect(hits.first.locator(".badge")).to_have_text("entailment")
    assert page.url.endswith("/?q=blue%20denim%20jeans")
    expect(hits.first.locator(".place span").first).to_have_text("1")
    expect(hits.first.locator("dd").first).to_contain_text("%")
    expect(page.locator("#timings")).to_contain_text("rerank")
    page.wait_for_function("[...document.querySelectorAll('.hit img')].slice(0, 4).every(i => i.naturalWidth > 0)")


def test_the_toggle_shows_both_orders(page: Page) -> None:
    page.goto(f"/?q={QUERY}")
    expect(page.locator(".hit .badge.waiting")).to_have_count(0)
    expect(page.locator(".hit .badge.entailment").first).to_be_visible()
    reranked = page.locator(".hit").evaluate_all("cards => cards.map(card => card.dataset.id)")
    page.get_by_role("switch", name="Rerank by entailment").uncheck()
    expect(page.locator("#said")).to_contain_text("similarity alone")
    similar = page.locator(".hit").evaluate_all("cards => cards.map(card => card.dataset.id)")
    assert len(similar) == len(reranked)
    assert similar != reranked
    page.get_by_role("switch", name="Rerank by entailment").check()
    assert page.locator(".hit").evaluate_all("cards => cards.map(card => card.dataset.id)") == reranked


def test_by_keyboard_alone(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name=QUERY, exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".hit .badge.entailment").first).to_be_visible()
    page.locator(".hit .open").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("meter")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.get_by_label("What should the picture show?")).to_be_focused()


def test_checking(page: Page, photos: Path) -> None:
    page.goto("/")
    page.get_by_role("link", name="Check").click()
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#verdict")).to_contain_text("Choose a picture")
    picture = next(path for path in sorted(photos.iterdir()) if "blue_denim_jeans" in path.name)
    page.get_by_label("Choose a picture").set_input_files(picture)
    expect(page.get_by_alt_text("The chosen picture")).to_be_visible()
    page.get_by_label("What it should show").fill(QUERY)
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#verdict .badge")).to_have_text("entailment")
    meters = page.locator("#verdict").get_by_role("meter")
    expect(meters).to_have_count(3)
    shares = meters.evaluate_all("bars => bars.map(bar => Number(bar.getAttribute('aria-valuenow')))")
    assert sum(shares) == pytest.approx(1, abs=1e-3)


def test_a_hit_checked_against_another_sentence(page: Page) -> None:
    page.goto(f"/?q={QUERY}")
    page.locator(".hit .badge.entailment").first.wait_for()
    page.locator(".hit .open").first.click()
    page.get_by_role("button", name="Check another sentence").click()
    page.get_by_label("What it should show").fill("a yellow umbrella")
    page.keyboard.press("Enter")
    expect(page.locator("#verdict .badge")).to_be_visible()
