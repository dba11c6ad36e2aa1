"""A folder of pictures, a place for a collection, and an encoder that counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import ColourEncoder
from tests.pictures import paint_all


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    paint_all(tmp_path / "photos")
    return tmp_path / "photos"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "photos.collection"


@pytest.fixture
def encoder() -> ColourEncoder:
    return ColourEncoder()
