"""Every view of the page, in both themes and at two widths: what is checked and audited, and that all can use it."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.browsing import (
    DESK,
    NEEDS_CHROMIUM,
    PHONE,
    assert_accessible,
    browsing,
    chromium,
    judged,
    pictures_are_shown,
)

QUERY = "blue denim jeans"

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def jeans(photos: Path) -> Path:
    """A picture of blue denim jeans."""
    return next(path for path in sorted(photos.iterdir()) if "blue_denim_jeans" in path.name)


@pytest.fixture(scope="module")
def table(photos: Path, jeans: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with two right rows, two wrong ones and one without its picture; its zip lies beside it."""
    path = tmp_path_factory.mktemp("audit") / "products.csv"
    jacket = next(one for one in sorted(photos.iterdir()) if "black_leather_jacket" in one.name)
    with path.open("w", newline="") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(["Nr", "Photo", "Title"])
        rows.writerows(enumerate_rows(jeans.name, jacket.name))
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        for picture in (jeans, jacket):
            archive.write(picture, picture.name)
    return path


def enumerate_rows(jeans: str, jacket: str) -> list[tuple[int, str, str]]:
    said = [
        (jeans, "blue denim jeans"),
        (jeans, "a yellow umbrella"),
        (jacket, "a black leather jacket"),
        (jacket, 'a "red" hat; with a feather'),
        ("gone.jpg", "a green sock"),
    ]
    return [(number, photo, text) for number, (photo, text) in enumerate(said, start=1)]


@pytest.mark.parametrize(
    ("theme", "size"), [("light", DESK), ("dark", DESK), ("light", PHONE), ("dark", PHONE)], ids=str
)
def test_all_can_use_every_view(
    browser: Browser, service: str, jeans: Path, table: Path, theme: str, size: tuple[int, int]
) -> None:
    with browsing(browser, service, theme=theme, size=size) as page:
        page.goto("/")
        expect(page.get_by_role("heading", name="Try")).to_be_visible()
        assert_accessible(page)
        page.goto(f"/?q={QUERY}")
        judged(page)
        page.get_by_role("button", name="Filters").click()
        assert_accessible(page)
        page.locator(".hit .open").first.click()
        expect(page.get_by_role("dialog").locator(".part").first).to_be_visible()
        assert_accessible(page)
        page.goto("/?q=a purple elephant riding a bicycle")
        expect(page.get_by_role("heading", name="No picture matches")).to_be_visible()
        assert_accessible(page)
        page.goto("/#check")
        check(page, jeans, "a beautiful red umbrella and blue denim jeans")
        assert_accessible(page)
        page.goto("/#audit")
        page.get_by_label("Choose a table").set_input_files(table)
        expect(page.get_by_role("cell", name="a yellow umbrella")).to_be_visible()
        assert_accessible(page)
        page.goto("/docs")
        expect(page.get_by_role("heading", name="/v1/search/stream")).to_be_visible()
        assert_accessible(page)


def check(page: Page, picture: Path, text: str) -> None:
    page.get_by_label("Choose a picture").set_input_files(picture)
    page.get_by_label("What it should show").fill(text)
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator("#check-explain .part-list li").first).to_be_visible()


def test_checking(browser: Browser, service: str, jeans: Path) -> None:
    with browsing(browser, service) as page:
        page.goto("/")
        page.get_by_role("link", name="Check").click()
        page.get_by_role("button", name="Check", exact=True).click()
        expect(page.locator("#verdict")).to_contain_text("Choose a picture")
        check(page, jeans, QUERY)
        expect(page.get_by_alt_text("The chosen picture")).to_be_visible()
        expect(page.locator("#verdict .badge")).to_have_text("entailment")
        meters = page.locator("#verdict").get_by_role("meter")
        expect(meters).to_have_count(3)
        shares = meters.evaluate_all("bars => bars.map(bar => Number(bar.getAttribute('aria-valuenow')))")
        assert sum(shares) == pytest.approx(1, abs=1e-3)
        check(page, jeans, "red denim jeans")
        expect(page.locator("#check-explain .part.contradiction").filter(has_text="red").first).to_be_visible()
        expect(page.locator("#check-explain .missing")).to_contain_text("Not in the picture: “red")
        page.get_by_role("button", name="Show where").click()
        expect(page.get_by_role("img", name="Where in the picture")).to_be_visible()


def test_advice_on_what_cannot_be_seen(browser: Browser, service: str) -> None:
    with browsing(browser, service) as page:
        page.goto("/#check")
        text = page.get_by_label("What it should show")
        text.press_sequentially("😀 a beautiful dress")
        advice = page.get_by_role("list", name="Advice on the text")
        expect(advice).to_contain_text("beautiful")
        # The offsets count characters, of which the smile is one.
        expect(page.locator("#text-mirror mark").filter(has_text="beautiful")).to_have_text("beautiful")
        text.fill("blue denim jeans")
        expect(advice.get_by_role("listitem")).to_have_count(0)


def test_a_hit_checked_against_another_sentence(browser: Browser, service: str) -> None:
    with browsing(browser, service) as page:
        page.goto(f"/?q={QUERY}")
        judged(page)
        page.locator(".hit .open").first.click()
        page.get_by_role("button", name="Check another sentence").click()
        expect(page.get_by_alt_text("The chosen picture")).to_be_visible()
        page.get_by_label("What it should show").fill("a yellow umbrella")
        page.keyboard.press("Enter")
        expect(page.locator("#verdict .badge")).to_have_text("contradiction")


def test_an_audit_from_table_to_workbook(browser: Browser, service: str, table: Path, tmp_path: Path) -> None:
    with browsing(browser, service) as page:
        page.goto("/#audit")
        page.get_by_role("button", name="Start the audit").click()
        expect(page.get_by_role("alert").filter(has_text="Choose a table first.")).to_be_visible()
        page.get_by_label("Choose a table").set_input_files(table)
        expect(page.locator("#columns").get_by_label("Picture")).to_have_value("Photo")
        expect(page.locator("#columns").get_by_label("What it should show")).to_have_value("Title")
        page.get_by_label("Add its pictures").set_input_files(table.with_suffix(".zip"))
        page.get_by_role("button", name="Start the audit").click()
        expect(page.get_by_text("Done: 5 of 5 rows")).to_be_visible()
        wrong = page.locator("#audit .hits .hit")
        expect(wrong).to_have_count(2)
        expect(wrong.nth(0)).to_contain_text("a yellow umbrella")
        expect(wrong.nth(1)).to_contain_text('a "red" hat; with a feather')
        pictures_are_shown(wrong.locator("img"), 2)
        page.get_by_text("1 row could not be read").click()
        expect(page.locator(".failures")).to_contain_text("row 5")
        assert_accessible(page)
        with page.expect_download() as downloading:
            page.get_by_role("button", name="Download the workbook").click()
        downloading.value.save_as(tmp_path / "report.xlsx")
        assert zipfile.ZipFile(tmp_path / "report.xlsx").testzip() is None
        # The audit has an address of its own.
        page.reload()
        expect(page.get_by_text("Done: 5 of 5 rows")).to_be_visible()
        page.get_by_role("link", name="Another audit").click()
        expect(page.get_by_role("button", name="Start the audit")).to_be_visible()


def test_an_audit_can_be_cancelled(browser: Browser, service: str, tmp_path: Path) -> None:
    found = httpx.get(f"{service}/v1/search", params={"q": QUERY, "rerank": False}).json()["hits"][0]["id"]
    table = tmp_path / "many.csv"
    table.write_text("image,text\n" + "".join(f"{found},a hat with the number {n}\n" for n in range(5_000)))
    with browsing(browser, service) as page:
        page.goto("/#audit")
        page.get_by_label("Choose a table").set_input_files(table)
        page.get_by_role("button", name="Start the audit").click()
        expect(page.get_by_role("progressbar", name="Rows read")).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("Cancelled: ")).to_be_visible()
        expect(page.get_by_role("link", name="Another audit")).to_be_visible()
