"""The index keeps what is trained on apart from what is measured."""

from __future__ import annotations

from pathlib import Path

from recipes.pictures import Picture, concept_of, read_index, split_of, write_index
from recipes.sources import SOURCES, source


def test_split_is_fixed_by_the_name_and_keeps_a_tenth_for_testing() -> None:
    names = [f"concept {number}" for number in range(4000)]
    splits = [split_of(name) for name in names]
    assert splits == [split_of(name) for name in names]
    assert 0.08 < splits.count("test") / len(splits) < 0.12
    assert 0.035 < splits.count("validation") / len(splits) < 0.065


def test_one_concept_however_it_is_written() -> None:
    assert concept_of("Red-Apple") == concept_of("red apple") == "red apple"


def test_index_comes_back_as_written(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    pictures = [Picture("a.png", ("a red apple",), "red apple", "noto", "emoji", "train", "train", alpha="a.alpha.png")]
    write_index(folder / "index.jsonl", pictures)
    assert read_index(tmp_path) == pictures


def test_sets_whose_licence_forbids_training_are_for_evaluation_only() -> None:
    for name in ("tuxpaint", "gcompris", "twemoji", "openmoji"):
        assert source(name).role == "evaluate"
    assert all(len(entry.sha256) == 64 for entry in SOURCES)
