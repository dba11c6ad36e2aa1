"""``veralens search``: its options, over the bundled models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.cli import main
from tests.api.test_cli import Capture, document, error_line


def found(capsys: Capture, *arguments: str) -> list[dict[str, Any]]:
    assert main(["search", *arguments, "--json"]) == 0
    body = document(capsys)
    assert body["next_cursor"] is None
    hits: list[dict[str, Any]] = body["hits"]
    return hits


def test_filter_image_and_not(collection: Path, photos: Path, capsys: Capture) -> None:
    where = ["-c", str(collection)]
    some = found(capsys, "clothes", *where, "--no-rerank", "--filter", 'path = "*jeans*" and width >= 10')
    assert some
    assert all("jeans" in hit["path"] for hit in some)
    picture = next(path for path in sorted(photos.iterdir()) if "jeans" in path.name)
    alike = found(capsys, *where, "--image", str(picture))
    assert alike[0]["path"] == str(picture)
    less = found(capsys, "blue denim", *where, "--not", "jeans", "-k", "3")
    assert all(hit["negative_entailment"] is not None for hit in less)
    assert found(capsys, "blue denim", *where, "--exact", "--no-rerank", "-k", "3") == found(
        capsys, "blue denim", *where, "--no-rerank", "-k", "3"
    )
    assert all("duplicates" in hit for hit in found(capsys, "blue", *where, "--no-rerank", "--group-duplicates"))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "query is empty"),
        (["a", "--filter", "colour = red"], "character 1 (at 'colour = red'): 'colour' is no field; the fields are"),
        (["a", "--not", " "], "negative is empty"),
        (["--image", "/nowhere/a.png"], "/nowhere/a.png"),
    ],
)
def test_wrong_questions(collection: Path, capsys: Capture, arguments: list[str], word: str) -> None:
    assert main(["search", *arguments, "-c", str(collection), "--no-rerank"]) == 2
    assert word in error_line(capsys)
