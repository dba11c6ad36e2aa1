"""A folder of odd pictures, as people have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.system.conftest import Run

PICTURES = Path(__file__).parent.parent / "data" / "ofa-reference" / "images"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my pictures"
    folder.mkdir()
    for path in PICTURES.iterdir():
        Image.open(path).convert("RGB").save(folder / f"{path.stem}.jpg")
    (folder / "letter.jpg").write_text("dear all, this is no picture")
    (folder / "cut.jpg").write_bytes((folder / "coffee.jpg").read_bytes()[:900])
    (folder / "empty.png").touch()
    return folder


def index(veralens: Run, folder: Path) -> tuple[int, dict[str, Any]]:
    done = veralens("index", folder, "-c", folder.parent / "my.collection", "--json")
    return done.returncode, json.loads(done.stdout)


def test_bad_files_are_listed_and_the_good_ones_searchable(veralens: Run, folder: Path) -> None:
    code, report = index(veralens, folder)
    assert report["added"] == 4
    reasons = {Path(failure["path"]).name: failure["reason"] for failure in report["failed"]}
    assert set(reasons) == {"letter.jpg", "cut.jpg", "empty.png"}
    assert "not an image" in reasons["letter.jpg"]
    assert "damaged" in reasons["cut.jpg"]
    assert "empty" in reasons["empty.png"]
    assert code == 0  # unreadable pictures are a report, not a failure; --strict makes them one
    done = veralens("search", "a cup of coffee", "-c", folder.parent / "my.collection", "--json")
    assert {Path(hit["path"]).name for hit in json.loads(done.stdout)["hits"]} == {
        "astronaut.jpg",
        "chelsea.jpg",
        "coffee.jpg",
        "rocket.jpg",
    }


def test_the_second_run_embeds_nothing(veralens: Run, folder: Path) -> None:
    index(veralens, folder)
    _, again = index(veralens, folder)
    assert (again["added"], again["updated"], again["moved"], again["removed"]) == (0, 0, 0, 0)
    assert again["unchanged"] == 4


def test_a_renamed_picture_is_followed(veralens: Run, folder: Path) -> None:
    index(veralens, folder)
    (folder / "coffee.jpg").rename(folder / "espresso.jpg")
    _, report = index(veralens, folder)
    assert (report["added"], report["moved"], report["removed"]) == (0, 1, 0)


def test_errors_name_the_path_and_the_remedy(veralens: Run, tmp_path: Path) -> None:
    done = veralens("search", "a cat", "-c", tmp_path / "none.collection")
    assert done.returncode == 2
    assert "none.collection" in done.stderr
    assert "Traceback" not in done.stderr
    done = veralens("check", tmp_path / "gone.jpg", "a cat")
    assert done.returncode == 2
    assert "gone.jpg: does not exist" in done.stderr
    done = veralens(
        "check", PICTURES / "coffee.png", "a cat", "--reranker", "iic/ofa_visual-entailment_snli-ve_large_en"
    )
    assert done.returncode == 3
    assert "modelscope download" in done.stderr
