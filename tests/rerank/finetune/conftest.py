"""A few drawn pictures with statements, a small random OFA, and one adapter trained on them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from rerank.finetune.pairs import read_pairs
from rerank.finetune.run import Outcome, finetune, prepare
from rerank.finetune.settings import FinetuneSettings
from tests.rerank.random_models import Spec, write_model

COLOURS = ("red", "green", "blue", "yellow", "black", "white", "orange", "purple", "pink", "brown")
HEADER = ("image_path", "premise", "hypothesis", "label")
SETTINGS = FinetuneSettings(epochs=3, batch_size=4, learning_rate=1e-2, patience=0)


def write_rows(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of one picture a colour."""
    folder = tmp_path_factory.mktemp("colours")
    for number, colour in enumerate(COLOURS):
        Image.new("RGB", (80 + number, 70), colour).save(folder / f"{colour}.png")
    return folder


@pytest.fixture(scope="session")
def table(pictures: Path) -> Path:
    """Three statements about each picture, one of each label."""
    rows = []
    for number, colour in enumerate(COLOURS):
        other = COLOURS[(number + 3) % len(COLOURS)]
        rows += [(f"{colour}.png", "", f"a {colour} card", "yes"), (f"{colour}.png", "", f"a {other} card", "no")]
        rows.append((f"{colour}.png", "a card from a shop", f"a {colour} card that was cheap", "maybe"))
    return write_rows(pictures / "pairs.csv", rows)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random OFA with a ResNet, as ModelScope lays it out."""
    return write_model(tmp_path_factory.mktemp("models") / "base", Spec("finetune", 5))


@pytest.fixture(scope="session")
def trained(base: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """An adapter of ``base``."""
    prepared = prepare(read_pairs(table), SETTINGS)
    return finetune(
        prepared, tmp_path_factory.mktemp("adapters") / "cards", base=str(base), settings=SETTINGS, device="cpu"
    )
