"""``veralens index --precompute-rerank`` over the bundled models."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from api.cli import main
from tests.api.test_cli import QUERY, Capture, document

EACH = 49 * 256 * 2


def index(photos: Path, target: Path, *options: str) -> int:
    return main(["index", str(photos), "-c", str(target), "--precompute-rerank", *options])


@pytest.fixture
def target(collection: Path, tmp_path: Path) -> Path:
    """A collection without image tokens, to be changed."""
    return Path(shutil.copytree(collection, tmp_path / "photos.collection"))


def test_what_it_takes_is_said_and_what_is_kept_is_shown(photos: Path, target: Path, capsys: Capture) -> None:
    count = len(list(photos.iterdir()))
    assert index(photos, target) == 0
    out, err = capsys.readouterr()
    assert f"{count} unchanged" in out
    assert f"{count} precomputed" in out
    assert err == f"image tokens: 25 KB an image, {count} images, {count * EACH / 1000:.0f} KB\n"
    assert index(photos, target, "--json") == 0
    found = document(capsys)
    assert (found["added"], found["unchanged"], found["precomputed"]) == (0, count, 0)
    assert found["precompute_bytes_per_image"] == EACH
    assert main(["info", "-c", str(target), "--json"]) == 0
    (kept,) = document(capsys)["rerank_tokens"]
    assert (kept["images"], kept["bytes"]) == (count, count * EACH)
    assert main(["info", "-c", str(target)]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("image tokens"))
    assert f"{count} images, reranker {kept['fingerprint'][:8]}, " in line


def test_the_command_searches_with_them(
    collection: Path, photos: Path, target: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERALENS_PRECISION", "fp32")
    assert index(photos, target) == 0
    capsys.readouterr()
    assert main(["search", QUERY, "-c", str(collection), "--json"]) == 0
    wanted = document(capsys)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("no picture need be opened")

    monkeypatch.setattr("rerank.scoring.load_image", refuse)
    assert main(["search", QUERY, "-c", str(target), "--json", "--deadline-ms", "600000"]) == 0
    found = document(capsys)
    assert [hit["id"] for hit in found["hits"]][:5] == [hit["id"] for hit in wanted["hits"]][:5]
    others = {hit["id"]: hit["entailment"] for hit in wanted["hits"]}
    for hit in found["hits"]:
        assert hit["entailment"] == pytest.approx(others.get(hit["id"], hit["entailment"]), abs=2e-3)


def test_another_reranker_by_name(photos: Path, target: Path, capsys: Capture) -> None:
    reference = Path(__file__).parent.parent / "data" / "ofa-reference"
    assert index(photos, target, "--reranker", str(reference), "--json") == 0
    assert document(capsys)["precompute_bytes_per_image"] == 64 * 64 * 2


def test_a_deadline_must_be_a_time(collection: Path, capsys: Capture) -> None:
    assert main(["search", QUERY, "-c", str(collection), "--deadline-ms", "0"]) == 2
    assert "--deadline-ms" in capsys.readouterr().err
