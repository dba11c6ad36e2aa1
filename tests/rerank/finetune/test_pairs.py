"""What a table may hold, and what is said of what it may not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rerank import InputError
from rerank.finetune.pairs import Columns, TableInvalid, read_pairs
from rerank.finetune.run import prepare
from rerank.finetune.settings import FinetuneSettings
from tests.rerank.finetune.conftest import write_rows

SETTINGS = FinetuneSettings()


def test_each_row_that_cannot_be_used_is_named_by_its_line(pictures: Path, tmp_path: Path) -> None:
    rows = [
        (str(pictures / "red.png"), "", "a red card", "Entailment"),
        ("gone.png", "", "a red card", "yes"),
        ("", "", "a red card", "yes"),
        (str(pictures / "red.png"), "", " ", "no"),
        (str(pictures / "red.png"), "", "a blue card\nfor sale", "perhaps"),
        (str(pictures), "", "a blue card", "no"),
        (str(pictures / "red.png"), "", "a blue card", ""),
    ]
    read = read_pairs(write_rows(tmp_path / "pairs.csv", rows))
    assert [(pair.line, pair.label) for pair in read.pairs] == [(2, "entailment")]
    found = {one.line: one.reason for one in read.problems}
    # The fifth statement takes two lines of the file.
    assert list(found) == [3, 4, 5, 6, 8, 9]
    for line, words in {3: "does not exist", 4: "image_path is empty", 5: "hypothesis is empty"}.items():
        assert words in found[line]
    assert "'perhaps' is not known" in found[6]
    assert "is not a file" in found[8]
    assert "label is empty" in found[9]


def test_words_of_labels_jsonl_and_other_column_names(pictures: Path) -> None:
    path = pictures / "other.jsonl"
    words = ["yes", "MAYBE", "no", "neutral", "contradiction", "匹配"]
    path.write_text("".join(json.dumps({"image": "red.png", "claim": w, "verdict": w}) + "\n" for w in words))
    read = read_pairs(path, Columns(hypothesis="claim", label="verdict"))
    labels = ["entailment", "neutral", "contradiction", "neutral", "contradiction", "entailment"]
    assert [pair.label for pair in read.pairs] == labels
    assert read.pairs[0].premise is None


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.xlsx", "", "a table is a .csv"),
        ("a.csv", "image_path,hypothesis,label\n", "holds no rows"),
        ("a.csv", "picture,hypothesis,label\na,b,yes\n", "no column image_path"),
        ("a.jsonl", "{\n", "line 1 is not JSON"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words):
        read_pairs(tmp_path / name)


def test_duplicates_and_contradicting_labels_stop_training_unless_they_are_left_out(
    table: Path, pictures: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "copy.png"
    shutil.copyfile(pictures / "red.png", copied)
    lines = table.read_text().splitlines()
    # The same bytes under another name, and the same words but for case.
    lines += [f"{copied},,A red card,yes", "red.png,,a red card,no"]
    again = pictures / "again.csv"
    again.write_text("\n".join(lines) + "\n")
    with pytest.raises(TableInvalid) as caught:
        prepare(read_pairs(again), SETTINGS)
    assert [(one.line, one.reason) for one in caught.value.problems] == [
        (32, "duplicate of line 2"),
        (33, "labelled contradiction, but entailment in line 2"),
    ]
    prepared = prepare(read_pairs(again), SETTINGS, skip_bad=True)
    assert len(prepared.split.training) + len(prepared.split.validation) == 30
    assert [one.line for one in prepared.left_out] == [32, 33]


def test_a_fifth_of_each_class_is_held_out_by_picture(table: Path) -> None:
    split = prepare(read_pairs(table), SETTINGS).split
    assert len(split.validation) == 6
    assert sorted(pair.target for pair in split.validation) == [0, 0, 1, 1, 2, 2]
    assert not {pair.image for pair in split.training} & {pair.image for pair in split.validation}
    again = prepare(read_pairs(table), SETTINGS).split
    assert [pair.line for pair in again.validation] == [pair.line for pair in split.validation]


def test_a_split_of_ones_own_is_kept_and_its_leaks_are_named(table: Path, pictures: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copy.png"
    shutil.copyfile(pictures / "red.png", copied)
    rows = [line.split(",") for line in table.read_text().splitlines()[1:]]
    parted = [(*row, "validation" if row[0] == "red.png" else "train") for row in rows]
    parted.append((str(copied), "", "a card that is red", "yes", "train"))
    path = write_rows(pictures / "parted.csv", parted, ("image_path", "premise", "hypothesis", "label", "split"))
    with pytest.raises(TableInvalid) as caught:
        prepare(read_pairs(path), SETTINGS)
    assert [str(one) for one in caught.value.problems] == ["line 32: leak: copy.png is also in the validation rows"]
    split = prepare(read_pairs(path), SETTINGS, skip_bad=True).split
    assert {pair.image.name for pair in split.validation} == {"red.png"}
    assert len(split.training) == 27


def test_a_validation_table_leaks_as_well(table: Path, pictures: Path) -> None:
    held_out = write_rows(pictures / "held_out.csv", [("red.png", "", "a card that is red", "yes")])
    with pytest.raises(TableInvalid) as caught:
        prepare(read_pairs(table), SETTINGS, validation=read_pairs(held_out))
    assert [one.line for one in caught.value.problems] == [2, 3, 4]
    prepared = prepare(read_pairs(table), SETTINGS, validation=read_pairs(held_out), skip_bad=True)
    assert (len(prepared.split.training), len(prepared.split.validation)) == (27, 1)
    assert any("no row is labelled" in text for text in prepared.warnings)


def test_settings_from_toml_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('r = 16\nlearning_rate = 1e-3\ntargets = ["q_proj", "fc1"]\nhead = true\n')
    found = FinetuneSettings.from_toml(path)
    assert (found.r, found.targets, found.head, found.alpha) == (16, ("q_proj", "fc1"), True, 16.0)
    assert found.rate_for(4) == pytest.approx(1e-3)
    assert found.rate_for(16) == pytest.approx(2e-3)
    for text, words in (("rank = 8\n", "rank is no setting"), ("r = true\n", "r must be"), ("epochs = 0\n", "epochs")):
        path.write_text(text)
        with pytest.raises(InputError, match=words):
            FinetuneSettings.from_toml(path)
