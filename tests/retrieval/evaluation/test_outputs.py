"""The report as text, as Markdown and as a picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from rerank.errors import InputError
from retrieval import SearchEngine
from retrieval.evaluation import Judgements, Query, Report, evaluate
from retrieval.evaluation.plot import write_plot
from retrieval.evaluation.tables import markdown, text_table
from tests.fakes import COLOURS


@pytest.fixture(scope="module")
def report(engine: SearchEngine, ids: dict[str, str]) -> Report:
    sets = ["plain", "a|b *c* $x$ <b>", "日本"]
    queries = [Query(name, {ids[f"{name}.png"]: 1.0}, sets[n % 3]) for n, name in enumerate(COLOURS)]
    return evaluate(engine, Judgements(tuple(queries)))


def test_the_markdown_report_shows_names_as_they_are(report: Report) -> None:
    page = markdown(report, picture="a plot.png")
    assert r"## a\|b \*c\* $x$ \<b\>: 3 queries" in page
    assert "](<a plot.png>)" in page
    rows = [line for line in page.splitlines() if line.startswith("| R@1 |")]
    assert len(rows) == 4  # the three sets and all
    assert all(row.count("|") == 5 for row in rows)


def test_the_text_report_fits_a_terminal(report: Report) -> None:
    lines = text_table(report).splitlines()
    head = next(line for line in lines if "difference" in line)
    row = lines[lines.index(head) + 1]
    assert row.startswith("R@1")
    assert len(row) <= 80
    assert row.index("[") < row.index("]")


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_plot_is_a_picture_of_every_set(report: Report, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"figures.{kind}"
    write_plot(report, path)
    if kind == "svg":
        assert "<svg" in path.read_text()
    elif kind == "pdf":
        assert path.read_bytes().startswith(b"%PDF")
    else:
        with Image.open(path) as picture:
            four = picture.width * picture.height
            colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24) or []}
        assert {(0xA9, 0xB4, 0xC2), (0x0F, 0x6C, 0xBD)} <= colours
        write_plot(replace(report, sets=report.sets[:1]), path)
        with Image.open(path) as picture:
            assert picture.width * picture.height < four
    assert list(tmp_path.iterdir()) == [path]


def test_a_plot_says_what_it_needs(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"\.png, \.svg, \.pdf"):
        write_plot(report, tmp_path / "figures.xlsx")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'veralens\[plots\]'"):
        write_plot(report, tmp_path / "figures.png")
