"""``veralens index``: patterns, progress for programs, and following a live folder."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from api.cli import main
from api.index_progress import Bar, duration, in_words
from indexer import Failure, Standing
from retrieval.collection import Collection
from tests.api.test_cli import Capture, document
from tests.pictures import paint

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(6):
        paint(tmp_path / "photos" / f"{number}.png", (number * 40, 10, 90))
    (tmp_path / "photos" / "words.jpg").write_text("not a picture")
    return tmp_path / "photos"


def test_patterns_and_hidden_files(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    paint(folder / ".hidden.png", (1, 2, 3))
    target = str(tmp_path / "c")
    options = ["--include", "*.png", "--exclude", "0.png", "--exclude", "1.*", "--hidden", "--json"]
    assert main(["index", str(folder), "-c", target, *options]) == 0
    found = document(capsys)
    assert (found["added"], found["failed"]) == (5, [])
    assert main(["index", str(folder), "-c", target, "--exclude", "!"]) == 2
    assert "no pattern" in capsys.readouterr().err


def test_progress_for_programs_is_on_stderr_and_ends_with_the_report(
    folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["index", str(folder), "-c", str(tmp_path / "c"), "--progress", "json", "--json"]) == 0
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in err.splitlines()]
    assert {line["event"] for line in lines} == {"progress", "failed", "report"}
    (failed,) = [line for line in lines if line["event"] == "failed"]
    assert failed["path"] == str(folder / "words.jpg")
    progress = [line for line in lines if line["event"] == "progress"]
    names = {"event", "stage", "done", "total", "counted", "failed", "images_per_second", "eta_seconds"}
    assert all(set(line) == names for line in progress)
    assert (progress[-1]["done"], progress[-1]["total"], progress[-1]["failed"]) == (7, 7, 1)
    assert lines[-1].pop("event") == "report"
    assert lines[-1] == json.loads(out)


def test_the_bar_says_what_is_known() -> None:
    early = Standing("indexing", 3, 1200, counted=False)
    assert in_words(early) == "3/1,200+"
    failures = (Failure("/a.jpg", "is empty"),)
    later = Standing("indexing", 300, 1234, True, 1, 12.34, 3725.2, failures)
    assert in_words(later) == "300/1,234  12.3 images/s  1:02:05 left  1 failed"
    assert duration(59.6) == "1:00"


def test_the_bar_comes_and_goes(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    bar = Bar()
    bar(Standing("indexing", 1, 2, True))
    bar.clear()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    bar(Standing("indexing", 1, 2, True, images_per_second=3.0, eta_seconds=4.0))
    bar(Standing("image tokens", 2, 2, True))
    bar.clear()
    bar.clear()
    assert "image tokens" in capsys.readouterr().err


def test_following_a_folder_until_ctrl_c(folder: Path, tmp_path: Path) -> None:
    command = ["index", str(folder), "-c", str(tmp_path / "c"), "--watch", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert (first["added"], len(first["failed"])) == (6, 1)
        paint(folder / "trip" / "new.png", (200, 200, 0))
        (folder / "0.png").rename(folder / "trip" / "moved.png")
        seen = {"added": 0, "moved": 0}
        while seen != {"added": 1, "moved": 1}:
            line = json.loads(process.stdout.readline())
            seen = {name: seen[name] + line[name] for name in seen}
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.communicate()
    with Collection.open(tmp_path / "c") as collection:
        assert collection.info().images == 7
