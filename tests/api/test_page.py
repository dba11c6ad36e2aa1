"""The search view in a real browser, on a real service: what a person does and sees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.browsing import DESK, NEEDS_CHROMIUM, PHONE, browsing, chromium, judged, order

QUERY = "blue denim jeans"
FIELD = "What should the picture show?"
SEARCHED = f"/?q={QUERY.replace(' ', '%20')}"

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, service: str) -> Iterator[Page]:
    with browsing(browser, service) as opened:
        yield opened


def test_a_search_is_a_link_and_the_browsers_buttons_walk_through_searches(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_text("Describe a picture in plain words.")).to_be_visible()
    page.get_by_label(FIELD).fill(QUERY)
    page.keyboard.press("Enter")
    judged(page)
    assert page.url.endswith(SEARCHED)
    first = page.locator(".hit").first
    expect(first.locator(".badge")).to_have_text("entailment")
    expect(first.locator("dd").nth(0)).to_contain_text("%")
    expect(first.locator("dd").nth(1)).to_contain_text("0.")
    before = order(page)
    page.get_by_label(FIELD).fill("a black leather jacket")
    page.keyboard.press("Enter")
    expect(page).to_have_title("a black leather jacket · Veralens")
    page.go_back()
    expect(page.get_by_label(FIELD)).to_have_value(QUERY)
    judged(page)
    assert order(page) == before
    page.go_back()
    expect(page.get_by_text("Describe a picture in plain words.")).to_be_visible()
    page.go_forward()
    judged(page)
    assert order(page) == before


def test_results_are_there_before_the_verdicts_and_then_change_places(page: Page, service: str) -> None:
    asked = {"query": QUERY, "top_k": 24}
    similar = [hit["id"] for hit in httpx.post(f"{service}/v1/search", json=asked | {"rerank": False}).json()["hits"]]
    # Each state of the grid is written down in the page itself, since some last for milliseconds only.
    page.add_init_script("""
        window.states = [];
        addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
            const cards = [...document.querySelectorAll("#hits .hit:not(.skeleton)")];
            const read = cards.filter(card => card.querySelector(".badge:not(.waiting)"));
            states.push([cards.map(card => card.dataset.id), read.length]);
        }).observe(document.querySelector("#hits"), { childList: true, subtree: true }));
    """)
    page.goto(SEARCHED)
    judged(page)
    states = [state for state in page.evaluate("window.states") if state[0]]
    assert states[0] == [similar, 0]
    read = [count for _, count in states]
    # How many steps there are between is up to the machine: the page draws once a frame.
    assert read == sorted(read)
    assert read[-1] == len(similar)
    final = [hit["id"] for hit in httpx.post(f"{service}/v1/search", json=asked, timeout=120).json()["hits"]]
    assert order(page) == final
    assert final != similar


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_what_is_said_of_the_hits_does_not_push_them_about(
    browser: Browser, service: str, size: tuple[int, int]
) -> None:
    with browsing(browser, service, size=size) as page:
        page.add_init_script("""
            window.tops = [];
            addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
                if (document.querySelector("#hits .hit")) tops.push(document.querySelector("#hits").offsetTop);
            }).observe(document.querySelector("#search-view"), { attributes: true, childList: true, subtree: true }));
        """)
        page.goto(SEARCHED)
        judged(page)
        tops = page.evaluate("window.tops")
        assert len(tops) >= 3
        # On a phone the last word may take a line more.
        assert max(tops) - min(tops) <= (0 if size == DESK else 24)


def test_the_toggle_shows_both_orders(page: Page) -> None:
    page.goto(SEARCHED)
    judged(page)
    reranked = order(page)
    toggle = page.get_by_role("switch", name="Rerank by entailment")
    toggle.uncheck()
    expect(page.locator("#said")).to_contain_text("similarity alone")
    assert page.url.endswith("&mode=similarity")
    assert order(page) != reranked
    toggle.check()
    expect(page.locator("#said")).to_contain_text("entail")
    assert order(page) == reranked


def test_by_keyboard_alone(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name=QUERY, exact=True).focus()
    page.keyboard.press("Enter")
    judged(page)
    page.keyboard.press("/")
    expect(page.get_by_label(FIELD)).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".hit .open").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("meter")).to_have_count(3)
    expect(dialog).to_contain_text("2 of ")
    page.keyboard.press("ArrowRight")
    expect(dialog).to_contain_text("3 of ")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator(".hit .open").nth(1)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_label(FIELD)).to_be_focused()


def test_the_slider_leaves_out_what_is_entailed_less(page: Page) -> None:
    page.goto(f"{SEARCHED}&min=0.5")
    judged(page)
    shares = page.locator(".hit dd:first-of-type").all_text_contents()
    assert shares
    assert all(float(share.strip("<> %")) >= 50 for share in shares)
    slider = page.get_by_role("slider", name="Least entailment shown")
    expect(slider).to_have_value("50")
    slider.press("Home")
    expect(page.locator("#min-said")).to_have_text("any")
    judged(page)
    expect(page.locator(".hit")).not_to_have_count(len(shares))


def test_nothing_matches(page: Page) -> None:
    page.goto("/?q=a%20purple%20elephant%20riding%20a%20bicycle")
    expect(page.get_by_role("heading", name="No picture matches")).to_be_visible()
    expect(page.locator(".hit .badge.entailment")).to_have_count(0)
    expect(page.locator(".hit")).not_to_have_count(0)
    page.goto(f"{SEARCHED}&min=1")
    expect(page.get_by_text("No picture reaches 100 %")).to_be_visible()
    expect(page.locator(".hit")).not_to_have_count(0)


def test_filters_and_what_should_not_be_shown(page: Page, photos: Path) -> None:
    page.goto(SEARCHED)
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Field").select_option("path")
    page.get_by_label("Value").fill("*denim*")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_label("Only pictures where")).to_have_value("path = *denim*")
    judged(page)
    expect(page.locator(".hit")).to_have_count(sum("denim" in path.name for path in photos.iterdir()))
    page.get_by_label("It should not show").fill("a jacket")
    page.get_by_role("button", name="Apply").click()
    judged(page)
    assert "not=a%20jacket" in page.url
    assert "filter=path%20%3D%20*denim*" in page.url
    page.get_by_role("button", name="Remove: path = *denim*").click()
    assert "filter=" not in page.url


def test_a_wrong_filter_is_explained_beside_its_field(browser: Browser, service: str) -> None:
    with browsing(browser, service, refused=(422,)) as page:
        page.goto(f"{SEARCHED}&filter=colour%20%3D%20red")
        field = page.get_by_label("Only pictures where")
        expect(field).to_be_visible()
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#filter-error")).to_contain_text("'colour' is no field")
        field.fill("width >= 1")
        field.press("Enter")
        judged(page)
        expect(page.locator("#filter-error")).to_be_hidden()


def test_a_hit_in_detail_and_more_like_it(page: Page) -> None:
    page.goto(SEARCHED)
    judged(page)
    ids = order(page)
    page.locator(".hit .open").nth(2).click()
    assert f"hit={ids[2]}" in page.url
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("#detail-facts")).to_contain_text(ids[2])
    expect(dialog.locator(".parts .part").first).to_be_visible()
    dialog.get_by_role("button", name="Show where").click()
    expect(dialog.get_by_role("img", name="Where in the picture")).to_be_visible()
    page.go_back()
    expect(dialog).to_have_count(0)
    page.locator(".hit .open").nth(2).click()
    dialog.get_by_role("button", name="More like this").click()
    expect(page.locator("#said")).to_contain_text("similarity alone")
    assert page.url.endswith(f"/?like={ids[2]}")
    assert ids[2] not in order(page)
    expect(page.get_by_alt_text("The picture searched by")).to_be_visible()


def test_searching_by_a_picture_that_is_dropped(page: Page, photos: Path) -> None:
    picture = next(path for path in sorted(photos.iterdir()) if "blue_denim_jeans" in path.name)
    page.goto("/")
    expect(page.locator("#summary")).to_contain_text("pictures")
    page.evaluate(
        """async bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "mine.jpg", { type: "image/jpeg" }));
            const event = type => new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true });
            const welcome = document.querySelector("#welcome");
            for (const type of ["dragenter", "dragover", "drop"]) welcome.dispatchEvent(event(type));
        }""",
        list(picture.read_bytes()),
    )
    expect(page.locator("#said")).to_contain_text("similarity alone")
    first = order(page)
    assert float(page.locator(".hit dd").first.text_content() or "0") > 0.9
    page.reload()
    expect(page.locator("#said")).to_contain_text("similarity alone")
    assert order(page) == first
    page.get_by_label(FIELD).fill("red")
    page.keyboard.press("Enter")
    judged(page)
    page.get_by_role("button", name="Search without the picture").click()
    assert page.url.endswith("/?q=red")


def test_more_is_shown_when_asked_for(page: Page, collection: Path, photos: Path) -> None:
    page.goto(SEARCHED)
    judged(page)
    expect(page.locator(".hit")).to_have_count(24)
    first = order(page)
    page.get_by_role("button", name="Show more").click()
    every = len(list(photos.iterdir()))
    expect(page.locator(".hit")).to_have_count(every)
    assert order(page)[:24] == first
    assert len(set(order(page))) == every
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()


def test_markup_in_a_query_stays_text(page: Page) -> None:
    query = "<img src=x onerror=alert(1)>"
    page.goto(f"/?q={json.dumps(query)[1:-1]}")
    expect(page.locator("#said, #none").filter(has_text=query).first).to_be_visible()
    expect(page.locator("#said img, #none img")).to_have_count(0)
