"""The commands in-process, over the bundled models; what only a process shows is in test_process.py."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from api.cli import main
from api.commands.demo import QUERY
from indexer.samples.catalogue import DEMO_CAPTIONS

HIT = [
    *("id", "path", "score", "similarity", "entailment", "neutral", "contradiction", "label"),
    *("width", "height", "image_url", "thumbnail_url"),
]
Capture = pytest.CaptureFixture[str]


def document(capsys: Capture) -> dict[str, Any]:
    """The one JSON document on stdout."""
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def error_line(capsys: Capture) -> str:
    """The one line on stderr; nothing is on stdout."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("veralens: ")
    assert err.count("\n") == 1
    return err


def test_search_prints_the_body_of_post_v1_search(collection: Path, capsys: Capture) -> None:
    assert main(["search", QUERY, "-c", str(collection), "-k", "4", "--json"]) == 0
    found = document(capsys)
    assert list(found) == ["hits", "reranked", "degraded", "next_cursor", "collection", "took_ms"]
    assert found["reranked"] is True
    assert found["degraded"] is None
    assert len(found["hits"]) == 4
    for hit in found["hits"]:
        assert set(HIT) <= set(hit)
        assert hit["entailment"] + hit["neutral"] + hit["contradiction"] == pytest.approx(1, abs=1e-4)
    assert "blue_denim_jeans" in found["hits"][0]["path"]
    scores = [hit["score"] for hit in found["hits"]]
    assert scores == sorted(scores, reverse=True)


def test_without_rerank_the_order_is_that_of_similarity(collection: Path, capsys: Capture) -> None:
    assert main(["search", QUERY, "-c", str(collection), "--no-rerank", "--json"]) == 0
    found = document(capsys)
    assert found["reranked"] is False
    assert found["hits"][0]["entailment"] is None
    assert found["hits"][0]["label"] is None
    assert [hit["score"] for hit in found["hits"]] == [hit["similarity"] for hit in found["hits"]]


def test_min_entailment_leaves_out_what_is_below(collection: Path, capsys: Capture) -> None:
    assert main(["search", QUERY, "-c", str(collection), "--min-entailment", "0.5", "--json"]) == 0
    assert all(hit["entailment"] >= 0.5 for hit in document(capsys)["hits"])


def test_the_table_is_for_reading(collection: Path, capsys: Capture) -> None:
    assert main(["search", QUERY, "-c", str(collection), "-k", "2"]) == 0
    out, err = capsys.readouterr()
    head, *rows = out.splitlines()
    assert head.split() == ["rank", "score", "entailment", "similarity", "label", "path"]
    assert [row.split()[0] for row in rows] == ["1", "2"]
    assert "images searched" in err
    assert "\x1b" not in out + err


def test_index_twice_and_with_bad_files(photos: Path, tmp_path: Path, capsys: Capture) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    for name in ("good.jpg", "cut.jpg"):
        Image.effect_noise((200, 200), 80).save(folder / name)
    whole = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "words.jpg").write_text("not a picture")
    (folder / "empty.png").touch()
    path = str(tmp_path / "mixed.collection")
    assert main(["index", str(folder), "-c", path, "--json"]) == 0
    found = document(capsys)
    assert found["added"] == 1
    assert {Path(one["path"]).name for one in found["failed"]} == {"cut.jpg", "words.jpg", "empty.png"}
    assert all(one["reason"] for one in found["failed"])
    assert main(["index", str(folder), "-c", path, "--json", "--strict"]) == 1
    found = document(capsys)
    assert (found["added"], found["unchanged"]) == (0, 1)
    assert main(["index", str(folder), "-c", path]) == 0
    out, err = capsys.readouterr()
    assert "3 failed" in out
    assert "words.jpg" in err


def test_info(collection: Path, photos: Path, capsys: Capture) -> None:
    assert main(["info", "-c", str(collection), "--json"]) == 0
    found = document(capsys)
    assert {"name", "images", "generation", "encoder", "index", "roots", "bytes"} <= set(found)
    assert found["images"] == len(list(photos.iterdir()))
    assert found["roots"] == [str(photos)]
    assert main(["info", "-c", str(collection)]) == 0
    assert "bundled" in capsys.readouterr().out


def test_the_collection_may_be_named_by_the_environment(
    collection: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERALENS_COLLECTION", str(collection))
    assert main(["info", "--json"]) == 0
    assert document(capsys)["name"]


def test_models(capsys: Capture) -> None:
    assert main(["models", "--json"]) == 0
    found = document(capsys)
    assert [preset["name"] for preset in found["presets"]] == ["bundled", "standard", "best"]
    bundled = next(one for one in found["rerankers"] if one["name"] == "bundled")
    assert Path(bundled["path"]).is_dir()
    assert main(["models"]) == 0
    assert "modelscope download" in capsys.readouterr().out


def test_check(photos: Path, capsys: Capture) -> None:
    picture = next(path for path in sorted(photos.iterdir()) if "blue_denim_jeans" in path.name)
    assert main(["check", str(picture), QUERY, "--json"]) == 0
    found = document(capsys)
    assert list(found) == ["label", "entailment", "neutral", "contradiction", "model"]
    assert found["label"] == "entailment"
    assert found["model"] == "bundled"
    assert main(["check", str(picture), QUERY]) == 0
    assert capsys.readouterr().out.startswith("entailment")


def test_demo_is_right_and_quick_the_second_time(capsys: Capture) -> None:
    assert main(["demo", "--no-serve", "--json"]) == 0
    found = document(capsys)
    captions = _captions(Path(found["demo"]["pictures"]))
    assert all(QUERY in captions[_name(hit["path"])] for hit in found["hits"][:5])
    assert {"hits", "reranked", "degraded", "next_cursor", "collection", "took_ms", "demo"} == set(found)
    other = DEMO_CAPTIONS[3]
    assert main(["demo", "--no-serve", "--query", other]) == 0
    out, err = capsys.readouterr()
    assert other in out
    assert "(0 added" in err


def _captions(folder: Path) -> dict[str, str]:
    with (folder / "captions.csv").open() as table:
        return {row["image"]: row["caption"] for row in csv.DictReader(table)}


def _name(path: str) -> str:
    return "/".join(Path(path).parts[-2:])


@pytest.mark.parametrize(
    "arguments",
    [
        ["search"],
        ["search", "a"],
        ["search", "a", "-c", "/nowhere"],
        ["search", "a", "-c", "COLLECTION", "-k", "0"],
        ["search", " ", "-c", "COLLECTION"],
        ["search", "a", "-c", "COLLECTION", "--min-entailment", "2"],
        ["search", "a", "-c", "COLLECTION", "--models", "huge"],
        ["search", "a", "-c", "COLLECTION", "--reranker", "no such model"],
        ["search", "a", "-c", "COLLECTION", "-k", "many"],
        ["search", "a", "-c", "COLLECTION", "--filter", "x"],
        ["index", "/nowhere", "-c", "NEW"],
        ["check", "/nowhere.jpg", "a"],
        ["check", "TEXT", "a"],
        ["check", "TEXT", ""],
        ["info", "-c", "/nowhere"],
        ["serve", "-c", "/nowhere"],
        ["serve", "-c", "COLLECTION", "--host", "0.0.0.0"],
        ["serve", "-c", "COLLECTION", "--port", "70000"],
        ["no-such-command"],
    ],
)
def test_wrong_usage_is_2_and_one_line(arguments: list[str], collection: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "words.jpg").write_text("not a picture")
    stand_ins = {"COLLECTION": str(collection), "NEW": str(tmp_path / "new"), "TEXT": str(tmp_path / "words.jpg")}
    assert main([stand_ins.get(argument, argument) for argument in [*arguments]]) == 2
    assert error_line(capsys)


def test_a_model_that_cannot_be_had_is_3(
    collection: Path, photos: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rerank.weights._download", _refuse)
    name = "iic/ofa_visual-entailment_snli-ve_large_en"
    assert main(["search", "a", "-c", str(collection), "--reranker", name, "--json"]) == 3
    assert name in error_line(capsys)
    picture = str(next(photos.iterdir()))
    assert main(["check", picture, "a", "--reranker", name, "--json"]) == 3
    assert main(["check", picture, "a", "--reranker", str(photos)]) == 3


def _refuse(name: str) -> Path:
    from rerank.errors import ModelUnavailable

    raise ModelUnavailable(f"{name}: cannot be fetched; name a directory")


def test_ctrl_c_is_130(collection: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("indexer.build_collection", interrupted)
    assert main(["index", "/", "-c", "/nowhere"]) == 130


def test_a_bug_is_one_line_and_a_traceback_on_request(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, collection: Path
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("indexer.build_collection", broken)
    assert main(["index", "/", "-c", "/nowhere"]) == 1
    assert "a bug" in error_line(capsys)
    monkeypatch.setenv("VERALENS_DEBUG", "1")
    with pytest.raises(RuntimeError):
        main(["index", "/", "-c", "/nowhere"])


def test_help_and_version(capsys: Capture) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for command in ("demo", "index", "search", "check", "serve", "info", "models"):
        assert f"  {command} " in out
        assert main([command, "--help"]) == 0
        assert "--json" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip()
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().err
