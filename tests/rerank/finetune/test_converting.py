"""Tables to Hugging Face datasets and back: as `datasets` itself reads and writes them."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest

from rerank import InputError
from rerank.finetune.converting import Format, from_table, to_table
from rerank.finetune.pairs import read_pairs


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["parquet", "arrow", "imagefolder"])
def test_there_and_back(table: Path, tmp_path: Path, kind: Format) -> None:
    read = read_pairs(table)
    done = from_table(read, tmp_path / "dataset", kind)
    assert done.rows == {"train": 30}
    if kind == "parquet":
        loaded = datasets.load_dataset("parquet", data_dir=str(tmp_path / "dataset"), cache_dir=str(tmp_path / "cache"))
        assert loaded["train"].features["label"].names == ["entailment", "neutral", "contradiction"]
        assert loaded["train"][0]["image"].size == (80, 70)
    back = to_table(tmp_path / "dataset", tmp_path / "back")
    assert (back.rows, back.left_out) == ({"train": 30}, {})
    again = read_pairs(back.path)
    assert not again.problems
    assert [(p.hypothesis, p.premise, p.label) for p in again.pairs] == [
        (p.hypothesis, p.premise, p.label) for p in read.pairs
    ]
    for one, other in zip(again.pairs, read.pairs, strict=True):
        assert one.image.read_bytes() == other.image.read_bytes()


@pytest.mark.filterwarnings("ignore")
def test_snli_ve_as_it_is_published(table: Path, tmp_path: Path) -> None:
    """Splits, a class without a label (-1), a row without a picture."""
    picture = str(table.parent / "red.png")
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "hypothesis": datasets.Value("string"),
            "premise": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["entailment", "neutral", "contradiction"]),
        }
    )
    rows = {
        "image": [picture, picture, None],
        "hypothesis": ["a", "b", "c"],
        "premise": ["p", None, "q"],
        "label": [2, -1, 0],
    }
    part = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"validation": part, "test": part}).save_to_disk(str(tmp_path / "saved"))
    done = to_table(tmp_path / "saved", tmp_path / "table")
    assert done.rows == {"validation": 2, "test": 2}
    assert done.left_out == {"no picture": 2}
    read = read_pairs(done.path, labelled=False)
    assert [(p.label, p.premise, p.split) for p in read.pairs[:2]] == [
        ("contradiction", "p", "validation"),
        (None, None, "validation"),
    ]
    with pytest.raises(InputError, match="is there already"):
        to_table(tmp_path / "saved", tmp_path / "table")
