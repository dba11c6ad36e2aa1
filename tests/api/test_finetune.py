"""The fine-tuning commands as a user runs them, over the bundled model and drawn machine parts."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from api.cli import main
from examples.industrial_parts import write_table
from tests.api.test_cli import document, error_line

Capture = pytest.CaptureFixture[str]
# Enough for a gain that chance does not explain; a tenth of what the example spends.
QUICK = [
    "--lr",
    "2e-3",
    "--batch-size",
    "8",
    "--epochs",
    "9",
    "--patience",
    "0",
    "--device",
    "cpu",
    "--precision",
    "fp32",
]


@pytest.fixture(scope="module")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("unseen"), 50, seed=2)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `veralens finetune` makes of 200 labelled pairs in some processor seconds."""
    folder = tmp_path_factory.mktemp("training")
    table = write_table(folder, 50, seed=1)
    assert main(["finetune", str(table), "-o", str(folder / "parts"), *QUICK]) == 0
    return folder / "parts"


def test_two_hundred_pairs_teach_what_the_bundled_model_gets_wrong(
    adapter: Path, unseen: Path, tmp_path: Path, capsys: Capture
) -> None:
    plot, sheet, page = tmp_path / "figures.png", tmp_path / "worst.png", tmp_path / "report.md"
    capsys.readouterr()
    arguments = ["evaluate", str(unseen), "--adapter", str(adapter), "--against", "base", "--json"]
    code = main([*arguments, "--plot", str(plot), "--worst", str(sheet), "-o", str(page), "--require", "accuracy=0.99"])
    assert code == 1
    found = document(capsys)
    accuracy = found["metrics"]["accuracy"]
    assert accuracy["value"] - found["against"]["metrics"]["accuracy"]["value"] >= 0.10
    assert found["differences"]["accuracy"]["low"] > 0.0
    assert found["mcnemar"]["p_value"] < 0.01
    assert found["requirements"][0]["met"] is False
    # The same figures as scikit-learn has them of the same verdicts.
    truth = [row["label"] for row in found["verdicts"]]
    said = [row["predicted"] for row in found["verdicts"]]
    labels = ["entailment", "neutral", "contradiction"]
    assert accuracy["value"] == pytest.approx(accuracy_score(truth, said))
    assert found["metrics"]["f1"]["value"] == pytest.approx(f1_score(truth, said, average="macro"))
    assert found["confusion"]["table"] == confusion_matrix(truth, said, labels=labels).tolist()
    for path in (plot, sheet):
        with Image.open(path) as picture:
            assert min(picture.size) > 500
    text = page.read_text()
    assert "McNemar" in text
    assert "![figures](figures.png)" in text


def test_check_takes_the_adapter_and_an_adapter_stands_for_its_base(
    adapter: Path, unseen: Path, capsys: Capture
) -> None:
    capsys.readouterr()
    picture, text = str(unseen.parent / "pictures" / "0001.png"), "a gear"
    answers = []
    for flags in ([], ["--adapter", str(adapter)], ["--reranker", str(adapter)]):
        assert main(["check", picture, text, "--json", *flags]) == 0
        answers.append(document(capsys))
    assert answers[0]["model"] == "bundled"
    assert answers[1]["model"] == answers[2]["model"] == "bundled + parts"
    assert answers[1] == answers[2]
    assert answers[0]["entailment"] != answers[1]["entailment"]
    assert main(["check", picture, text, "--adapter", str(unseen.parent)]) == 2
    assert "no adapter_config.json" in error_line(capsys)


def test_search_takes_the_adapter(adapter: Path, collection: Path, capsys: Capture) -> None:
    capsys.readouterr()
    found = []
    for flags in ([], ["--adapter", str(adapter)]):
        assert main(["search", "blue denim jeans", "-c", str(collection), "-k", "3", "--json", *flags]) == 0
        found.append(document(capsys)["hits"])
    assert [hit["similarity"] for hit in found[0][:1]] == [hit["similarity"] for hit in found[1][:1]]
    assert {hit["entailment"] for hit in found[0]} != {hit["entailment"] for hit in found[1]}


def test_mined_rows_can_be_fed_back(adapter: Path, unseen: Path, tmp_path: Path, capsys: Capture) -> None:
    half = unseen.parent / "half.csv"
    with unseen.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with half.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "shop"])
        writer.writeheader()
        writer.writerows({**row, "shop": "=1+1", **({"label": ""} if n % 2 else {})} for n, row in enumerate(rows))
    hard = tmp_path / "hard.csv"
    capsys.readouterr()
    sheet = tmp_path / "hard.png"
    assert main(["mine", str(half), "--below", "0.7", "-o", str(hard), "--sheet", str(sheet), "--json"]) == 0
    with Image.open(sheet) as drawn:
        assert drawn.width > 260
    found = document(capsys)
    with hard.open(newline="") as file:
        mined = list(csv.DictReader(file))
    assert found["rows"] == 200
    assert found["hard"] == len(mined) == found["wrong"] + found["unsure"] > 0
    assert {"why", "confidence", "predicted", "shop"} <= set(mined[0])
    confidences = [float(row["confidence"]) for row in mined]
    wrong = [row["why"] == "wrong" for row in mined]
    assert wrong == sorted(wrong, reverse=True)
    assert all(confidence < 0.7 for confidence, bad in zip(confidences, wrong, strict=True) if not bad)
    assert all(row["label"] and row["label"] != row["predicted"] for row in mined if row["why"] == "wrong")
    # Labels that are missing are named by their lines; filled in, the table is one to learn from.
    assert main(["finetune", str(hard), "-o", str(tmp_path / "next"), "--check-only"]) == 2
    assert "label is empty" in capsys.readouterr().err
    for row in mined:
        row["label"] = row["label"] or row["predicted"]
    with hard.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(mined[0]))
        writer.writeheader()
        writer.writerows(mined)
    assert main(["finetune", str(hard), "-o", str(tmp_path / "next"), "--check-only", "--json"]) == 0
    checked = document(capsys)
    assert checked["training"]["rows"] + checked["validation"]["rows"] == len(mined)


def test_a_merged_model_judges_as_base_and_adapter_do(
    adapter: Path, unseen: Path, tmp_path: Path, capsys: Capture
) -> None:
    from rerank import EntailmentReranker

    capsys.readouterr()
    model = tmp_path / "model"
    assert main(["merge", str(adapter), "-o", str(model), "--json"]) == 0
    assert document(capsys)["difference"] <= 1e-4
    pairs = [(unseen.parent / "pictures" / f"{n:04}.png", text) for n in range(8) for text in ("a gear", "two bolts")]
    rows = []
    for name, flags in (("bundled", {"adapter": adapter}), (str(model), {})):
        with EntailmentReranker.from_pretrained(name, precision="fp32", device="cpu", **flags) as reranker:
            rows.append(reranker.score(pairs))
    assert np.abs(rows[0] - rows[1]).max() <= 1e-4
    assert main(["merge", str(adapter), "-o", str(model)]) == 2
    assert "is there already" in error_line(capsys)
    shutil.rmtree(model)


def test_wrong_use_says_what_would_be_right(adapter: Path, unseen: Path, tmp_path: Path, capsys: Capture) -> None:
    capsys.readouterr()
    for arguments, words in (
        (["export", str(adapter), "-o", str(tmp_path / "a.onnx")], "merge it first"),
        (["export", "bundled", "-o", str(tmp_path / "a.bin")], "ends in .onnx"),
        (["evaluate", str(unseen), "--require", "r@1=0.5"], "--require r@1=0.5"),
        (["evaluate", str(unseen), "--sample", "5"], "name a collection"),
        (["evaluate", str(unseen), "--against", "base"], "no --adapter is named"),
        (["mine", str(unseen), "-o", str(tmp_path / "hard.xlsx")], "ends in .csv"),
        (["finetune", str(unseen), "-o", str(tmp_path / "a"), "--targets", "nothing"], "no linear layer"),
    ):
        assert main(arguments) == 2, arguments
        assert words in " ".join(capsys.readouterr().err.split()), arguments


def test_bad_rows_are_listed_and_the_others_judged(unseen: Path, capsys: Capture) -> None:
    bad = unseen.parent / "bad.csv"
    text = unseen.read_text().splitlines()
    (unseen.parent / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    bad.write_text("\n".join([*text[:9], "broken.png,,a bolt,yes", "gone.png,,a bolt,yes"]) + "\n")
    capsys.readouterr()
    assert main(["evaluate", str(bad), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == 8
    assert [problem["line"] for problem in found["problems"]] == [10, 11]
    assert main(["evaluate", str(bad), "--strict", "--json"]) == 1
