"""``veralens audit`` in-process, over the bundled model."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from api.cli import main
from tests.api.conftest import real_samples

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def table(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every picture with its own caption and another's; two rows that must fail."""
    path = tmp_path_factory.mktemp("tables") / "pairs.csv"
    captions = {
        f"{one.caption.replace(' ', '_')}-{number}.jpg": one.caption for number, one in enumerate(real_samples())
    }
    names = [one.name for one in sorted(photos.iterdir())]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Photo", "Says", "label", "sku"])
        for number, name in enumerate(names):
            other = captions[names[(number + len(names) // 2) % len(names)]]
            writer.writerow([name, captions[name], "yes", f"=sku{number}"])
            writer.writerow([name, other, "no", ""])
        writer.writerow(["gone.jpg", "a mug", "", ""])
        writer.writerow([names[0], "", "", ""])
    return path


def run(table: Path, photos: Path, *more: str) -> int:
    columns = ["--image-column", "Photo", "--text-column", "Says", "--expected-column", "label"]
    return main(["audit", str(table), *columns, "--root", str(photos), *more])


def document(capsys: Capture) -> dict[str, Any]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_reports_summary_and_exit_1_for_rows_that_failed(
    table: Path, photos: Path, tmp_path: Path, capsys: Capture
) -> None:
    outputs = [tmp_path / f"r.{suffix}" for suffix in ("xlsx", "csv", "jsonl", "html")]
    options = [text for path in outputs for text in ("-o", str(path))]
    assert run(table, photos, *options, "--json") == 1
    found = document(capsys)
    assert found["counts"]["failed"] == 2
    assert [one["row"] for one in found["failures"]] == [found["rows"] - 1, found["rows"]]
    assert found["expected"]["accuracy"] > 0.9
    assert found["reports"] == [str(path) for path in outputs]
    assert all(path.stat().st_size for path in outputs)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in outputs}
    with outputs[1].open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == found["rows"]
    assert rows[0]["sku"] == "'=sku0"
    for row in rows[:-2]:
        assert sum(float(row[name]) for name in ("entailment", "neutral", "contradiction")) == pytest.approx(
            1, abs=1e-4
        )


def test_a_fitted_policy_is_saved_and_used_again(table: Path, photos: Path, tmp_path: Path, capsys: Capture) -> None:
    saved, journal = tmp_path / "policy.json", tmp_path / "journal"
    fit = ["--fit-policy", "--precision", "0.95", "--save-policy", str(saved), "--journal", str(journal)]
    assert run(table, photos, *fit, "--json") == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["fitted"]["accept"]["precision"] >= 0.95
    assert "too few rows" in err
    assert run(table, photos, "--policy", str(saved), "--journal", str(journal), "--json") == 1
    again = document(capsys)
    assert again["decisions"] == found["decisions"]
    assert again["policy"] == found["policy"]


def test_the_verdicts_are_those_of_check(table: Path, photos: Path, capsys: Capture) -> None:
    with table.open(newline="") as file:
        row = next(csv.DictReader(file))
    assert main(["check", str(photos / row["Photo"]), row["Says"], "--json"]) == 0
    checked = document(capsys)
    report = table.with_name("one.jsonl")
    run(table, photos, "-o", str(report))
    capsys.readouterr()
    first = json.loads(report.read_text().splitlines()[0])
    for name in ("entailment", "neutral", "contradiction"):
        assert first[name] == pytest.approx(checked[name], abs=0.01)  # batches of another size, in bf16


def test_ids_of_a_collection(collection: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(["search", "blue denim jeans", "-c", str(collection), "-k", "1", "--json"]) == 0
    hit = document(capsys)["hits"][0]
    table = tmp_path / "ids.csv"
    table.write_text(f"image,text\n{hit['id']},blue denim jeans\n")
    assert main(["audit", str(table), "-c", str(collection), "--json"]) == 0
    assert document(capsys)["counts"]["entailment"] == 1
    assert main(["audit", str(table), "--json"]) == 1
    assert "no collection is named" in document(capsys)["failures"][0]["reason"]


def test_urls_are_fetched_only_where_that_is_allowed_and_safe(tmp_path: Path, capsys: Capture) -> None:
    table = tmp_path / "urls.csv"
    table.write_text("image,text\nhttp://127.0.0.1:9/a.jpg,a mug\n")
    assert main(["audit", str(table), "--json"]) == 1
    assert "not fetched" in document(capsys)["failures"][0]["reason"]
    assert main(["audit", str(table), "--allow-urls", "--json"]) == 1
    assert "cannot be fetched" in document(capsys)["failures"][0]["reason"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-o", "r.pdf"],
        ["-o", "/nowhere/r.csv"],
        ["-o", "r.csv", "-o", "r.csv"],
        ["-o", "r.csv", "--lang", "fr"],
        ["-o", "r.csv", "--prepare", "squash"],
        ["-o", "r.csv", "--text-column", "nope"],
        ["-o", "r.csv", "--policy", "/nowhere.json"],
        ["-o", "r.csv", "--fit-policy", "--accept-above", "0.5"],
        ["-o", "r.csv", "--accept-above", "0.2", "--reject-below", "0.9"],
        ["-o", "r.csv", "--encoding", "klingon"],
        ["-o", "r.csv", "--delimiter", ",,"],
        ["-o", "r.csv", "--root", "/nowhere"],
        ["-o", "r.csv", "-c", "/nowhere"],
    ],
)
def test_wrong_usage_is_2_and_one_line(
    table: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    columns = ["--image-column", "Photo", *(["--text-column", "Says"] if "--text-column" not in arguments else [])]
    assert main(["audit", str(table), *columns, *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("veralens: ")
    assert err.count("\n") == 1
    assert not list(tmp_path.glob("r.csv*"))
