"""``veralens evaluate`` over drawn pictures and the bundled models."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from api.cli import main
from tests.api.test_cli import document, error_line

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="session")
def captions(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each of the photos shows, away from them; four pictures share each caption."""
    path = tmp_path_factory.mktemp("captions") / "captions.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("image", "caption", "set"))
        for picture in sorted(photos.iterdir()):
            words = picture.stem.rpartition("-")[0].replace("_", " ")
            table.writerow((picture.name, words, "denim" if "denim" in words else "others"))
    return path


def test_before_and_after_with_every_output(collection: Path, captions: Path, tmp_path: Path, capsys: Capture) -> None:
    page, plot = tmp_path / "report.md", tmp_path / "figures.png"
    outputs = ("-o", str(page), "--plot", str(plot))
    required = ("--require", "r@1=0.9", "--require", "denim:ndcg@10=1")
    command = ["evaluate", str(captions), "-c", str(collection), "--candidates", "16", *outputs, *required, "--json"]
    code = main(command)
    found = document(capsys)
    assert sorted(part["name"] for part in found["sets"]) == ["denim", "others"]
    assert sum(part["queries"] for part in found["sets"]) == found["overall"]["queries"] == len(found["queries"])
    rows = len(captions.read_text().splitlines()) - 1
    assert found["overall"]["relevant"] == pytest.approx(rows / len(found["queries"]))
    conditions = found["conditions"]
    assert (conditions["encoder"], conditions["reranker"], conditions["candidates"]) == ("bundled", "bundled", 16)
    for metric in ("r@1", "r@5", "r@10", "mrr", "ndcg@10"):
        for side in ("similarity", "reranked", "difference"):
            figure = found["overall"]["metrics"][metric][side]
            assert figure["low"] <= figure["value"] + 1e-9 <= figure["high"] + 2e-9
    assert found["overall"]["metrics"]["r@1"]["reranked"]["value"] >= 0.9
    assert [one["met"] for one in found["requirements"]] == [True, code == 0]
    assert found["problems"] == []
    text = page.read_text()
    assert text.count("| nDCG@10 |") == 3
    assert "](<figures.png>)" in text
    with Image.open(plot) as picture:
        assert min(picture.size) > 400


def test_the_table_is_for_reading_and_bad_rows_are_listed(
    collection: Path, captions: Path, photos: Path, tmp_path: Path, capsys: Capture
) -> None:
    own = tmp_path / "own.csv"
    rows = captions.read_text().splitlines()[1:4]
    own.write_text(
        "\n".join(["picture;words;part", *(row.replace(",", ";") for row in rows), "gone.jpg;a hat;x", ";y;"])
    )
    columns = ("--image-column", "picture", "--caption-column", "words")
    command = ["evaluate", str(own), "-c", str(collection), "--no-rerank", *columns]
    assert main([*command, "--images", str(photos), "--require", "mrr=0.1"]) == 0
    out, err = capsys.readouterr()
    assert "similarity" in out
    assert "nDCG@10" in out
    assert "2 of 5 rows could not be used." in out
    assert "line 5: no image 'gone.jpg' in the collection" in err
    assert "line 6: picture is empty" in err
    assert "MRR 1.0000 reaches the required 0.1" in err
    assert "\x1b" not in out + err
    assert main([*command, "--strict", "--json"]) == 1
    assert [problem["line"] for problem in document(capsys)["problems"]] == [5, 6]


def test_below_what_is_required_is_1_and_the_report_is_written(
    collection: Path, captions: Path, tmp_path: Path, capsys: Capture
) -> None:
    # Two pictures are given each other's captions: every first place is wrong.
    head, first, *_, last = (line.split(",") for line in captions.read_text().splitlines())
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("\n".join(",".join(row) for row in (head, [first[0], *last[1:]], [last[0], *first[1:]])))
    target = tmp_path / "report.json"
    command = ["evaluate", str(wrong), "-c", str(collection), "--no-rerank", "--candidates", "10", "-o", str(target)]
    assert main([*command, "--require", "R@1=0.5"]) == 1
    assert "R@1 0.0000 is below the required 0.5" in capsys.readouterr().err
    found = json.loads(target.read_text())
    assert found["requirements"] == [{"metric": "r@1", "least": 0.5, "data_set": None, "value": 0.0, "met": False}]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["TABLE"], "-c COLLECTION"),
        (["TABLE", "-c", "/nowhere"], "/nowhere"),
        (["/none.csv", "-c", "COLLECTION"], "/none.csv: no such file"),
        (["TABLE", "-c", "COLLECTION", "--caption-column", "words"], "no column 'words'"),
        (["TABLE", "-c", "COLLECTION", "--images", "/nowhere"], "--images"),
        (["TABLE", "-c", "COLLECTION", "--candidates", "0"], "candidates"),
        (["TABLE", "-c", "COLLECTION", "--require", "r@3=0.5"], "r@1, r@5, r@10, mrr, ndcg@10"),
        (["TABLE", "-c", "COLLECTION", "--require", "r@1=much"], "between 0 and 1"),
        (["TABLE", "-c", "COLLECTION", "--require", "r@1"], "METRIC=VALUE"),
        (["TABLE", "-c", "COLLECTION", "--require", "shoes:r@1=0.5"], "denim, others"),
        (["TABLE", "-c", "COLLECTION", "-o", "report.xlsx"], ".md, .json"),
        (["TABLE", "-c", "COLLECTION", "-o", "/nowhere/report.md"], "/nowhere"),
        (["TABLE", "-c", "COLLECTION", "--plot", "figures.bmp"], ".png, .svg, .pdf"),
        (["TABLE", "-c", "COLLECTION", "--reranker", "no such model"], "no such model"),
        (["PAIRS", "-c", "COLLECTION"], "no column 'image'"),
        (["PAIRS"], "line 2: image_path"),
    ],
)
def test_wrong_usage_is_2_and_one_line(
    arguments: list[str], word: str, collection: Path, captions: Path, tmp_path: Path, capsys: Capture
) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("image_path,premise,hypothesis,label\na.jpg,,a mug,entailment\n")
    stand_ins = {"COLLECTION": str(collection), "TABLE": str(captions), "PAIRS": str(pairs)}
    assert main(["evaluate", *(stand_ins.get(argument, argument) for argument in arguments)]) == 2
    assert word in error_line(capsys)


def test_a_collection_of_the_environment_does_not_make_pairs_a_search(
    collection: Path, captions: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERALENS_COLLECTION", str(collection))
    assert main(["evaluate", str(captions)]) == 2
    assert "-c COLLECTION" in error_line(capsys)


def test_a_plot_without_matplotlib_is_refused_before_anything_is_asked(
    collection: Path, captions: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.evaluation.plot.importlib.util.find_spec", lambda name: None)
    command = ["evaluate", str(captions), "-c", str(collection), "--plot", str(tmp_path / "figures.png")]
    assert main(command) == 2
    assert "pip install 'veralens[plots]'" in error_line(capsys)
