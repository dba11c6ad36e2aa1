"""``veralens verify``, ``remove``, ``compact`` and ``reembed``: documents and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api.cli import DONE, FAILED, WRONG_INPUT, main
from indexer import build_collection
from retrieval.collection import Collection
from tests.fakes import ColourEncoder
from tests.pictures import paint_all


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    paint_all(tmp_path / "photos")
    return tmp_path / "photos"


@pytest.fixture
def target(folder: Path) -> Path:
    path = folder.parent / "photos.collection"
    build_collection([folder], path, encoder=ColourEncoder())
    return path


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any]:
    """Exit code and document of a command with --json."""
    code = main([*map(str, arguments), "--json"])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else None


def test_verify(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = told(capsys, "verify", "-c", target)
    assert code == DONE
    assert found["sound"] is True
    assert found["checked"]["images"] == 8
    segment = target / "segments" / "00000001.fp16"
    segment.write_bytes(segment.read_bytes()[:-3])
    code, found = told(capsys, "verify", "-c", target)
    assert code == FAILED
    assert [problem["file"] for problem in found["problems"]] == ["segments/00000001.fp16"]
    assert main(["verify", "-c", str(target)]) == FAILED
    assert "row 7 has not" in capsys.readouterr().out
    assert main(["verify", "-c", str(target.parent)]) == WRONG_INPUT


def test_remove_compact_and_undo(folder: Path, target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = told(capsys, "remove", folder / "red.png", "-c", target)
    assert code == DONE
    assert [one["paths"] for one in found["removed"]] == [[str(folder / "red.png")]]
    code, done = told(capsys, "compact", "-c", target)
    assert (code, done["embeddings"]) == (DONE, 1)
    code, found = told(capsys, "remove", "--list", "-c", target)
    assert [one["path"] for one in found["ignored"]] == [str(folder / "red.png")]
    assert build_collection([folder], target, encoder=ColourEncoder()).added == 0
    code, found = told(capsys, "remove", "--undo", found["ignored"][0]["id"], "-c", target)
    assert (code, found["ignored"]) == (DONE, [])
    assert build_collection([folder], target, encoder=ColourEncoder()).added == 1
    assert main(["remove", "-c", str(target)]) == WRONG_INPUT
    assert main(["remove", "img_00000000000000000000", "-c", str(target)]) == WRONG_INPUT


def test_reembed(folder: Path, target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reembed", "-c", str(target)]) == WRONG_INPUT
    (folder / "red.png").rename(folder.parent / "red.png")
    code, report = told(capsys, "reembed", "-c", target, "--models", "bundled")
    assert code == FAILED
    assert [Path(one["path"]).name for one in report["failed"]] == ["red.png"]
    (folder.parent / "red.png").rename(folder / "red.png")
    code, report = told(capsys, "reembed", "-c", target, "--models", "bundled")
    assert code == DONE
    assert (report["embedded"], report["switched"]) == (1, True)
    with Collection.open(target) as collection:
        assert collection.encoder.name == "bundled"
    assert told(capsys, "verify", "-c", target)[0] == DONE
