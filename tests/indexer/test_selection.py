"""Patterns: which files count, and what becomes of those that no longer do."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer import build_collection
from indexer.scan import FoundFile, scan
from indexer.selection import Selection
from rerank.errors import InputError
from tests.fakes import ColourEncoder
from tests.indexer.seen import counts, names_found
from tests.pictures import paint

FILES = ("a.png", "b.jpg", ".hidden.png", "raw/c.png", "raw/d.jpg", "trips/raw/e.png", "trips/f.png", ".thumbs/g.png")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for number, name in enumerate(FILES):
        paint(tmp_path / "tree" / name, (number * 30, 200 - number * 20, number * 10))
    return tmp_path / "tree"


@pytest.mark.parametrize(
    ("include", "exclude", "hidden", "found"),
    [
        ((), (), False, "a.png b.jpg raw/c.png raw/d.jpg trips/f.png trips/raw/e.png"),
        ((), (), True, ".hidden.png .thumbs/g.png a.png b.jpg raw/c.png raw/d.jpg trips/f.png trips/raw/e.png"),
        (("*.png",), (), False, "a.png raw/c.png trips/f.png trips/raw/e.png"),
        (("*.jpg", "trips/"), (), False, "b.jpg raw/d.jpg trips/f.png trips/raw/e.png"),
        ((), ("raw/",), False, "a.png b.jpg trips/f.png"),
        ((), ("/raw/",), False, "a.png b.jpg trips/f.png trips/raw/e.png"),
        ((), ("trips/raw",), False, "a.png b.jpg raw/c.png raw/d.jpg trips/f.png"),
        ((), ("*.png", "!f.png"), False, "b.jpg raw/d.jpg trips/f.png"),
        ((), ("**/raw/*.jpg",), False, "a.png b.jpg raw/c.png trips/f.png trips/raw/e.png"),
        (("*.png",), ("trips/",), False, "a.png raw/c.png"),
        (("raw/**/*.png",), (), False, "raw/c.png"),
        ((".*",), (), False, ""),
    ],
)
def test_what_patterns_take(
    tree: Path, include: tuple[str, ...], exclude: tuple[str, ...], hidden: bool, found: str
) -> None:
    items = scan(str(tree), roots=[str(tree)], selection=Selection(include, exclude, hidden=hidden))
    names = sorted(str(Path(item.path).relative_to(tree)) for item in items if isinstance(item, FoundFile))
    assert names == found.split()


def test_excluded_folders_are_not_looked_into(tree: Path) -> None:
    (tree / "raw" / "loop.png").symlink_to("loop.png")
    items = scan(str(tree), roots=[str(tree)], selection=Selection(exclude=["raw/"]))
    assert all(isinstance(item, FoundFile) for item in items)


def test_what_is_left_out_leaves_the_collection_and_comes_back(
    folder: Path, target: Path, encoder: ColourEncoder
) -> None:
    build_collection([folder], target, encoder=encoder)
    report = build_collection([folder], target, encoder=encoder, exclude=["red.*"])
    assert counts(report) == {"removed": 1, "unchanged": 7}
    assert ["red.png"] not in names_found(target, "red", 8)
    assert counts(build_collection([folder], target, encoder=encoder)) == {"added": 1, "unchanged": 7}


@pytest.mark.parametrize("pattern", ["!", "[z-a].png"])
def test_a_pattern_that_cannot_be_read_changes_nothing(folder: Path, target: Path, pattern: str) -> None:
    with pytest.raises(InputError, match=r"exclude: .*no pattern"):
        build_collection([folder], target, exclude=[pattern])
    assert not target.exists()
