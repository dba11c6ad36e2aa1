"""Following a live folder."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

import pytest

from indexer import IndexReport, watch_collection
from rerank.errors import InputError
from retrieval.lock import WriteLock
from tests.fakes import ColourEncoder
from tests.indexer.seen import counts, names_found
from tests.pictures import paint


@contextmanager
def watching(folder: Path, target: Path, **options: object) -> Iterator[Queue[IndexReport]]:
    """The reports of a watcher, which ends with the block."""
    stop, reports = threading.Event(), Queue[IndexReport]()

    def follow() -> None:
        for report in watch_collection([folder], target, encoder=ColourEncoder(), stop=stop, **options):  # type: ignore[arg-type]
            reports.put(report)

    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(follow)
        try:
            yield reports
        finally:
            stop.set()
            following.result(60)


def until(reports: Queue[IndexReport], **wanted: int) -> IndexReport:
    """The report with which the sum of all since the last call is what is wanted."""
    seen: dict[str, int] = {}
    while True:
        report = reports.get(timeout=60)
        for name, count in counts(report).items():
            if name != "unchanged":
                seen[name] = seen.get(name, 0) + count
        if seen == wanted:
            return report


def test_what_happens_in_the_folder_happens_in_the_collection(folder: Path, target: Path) -> None:
    with watching(folder, target) as reports:
        until(reports, added=8)
        paint(folder / "new" / "dark.png", (1, 1, 60))
        until(reports, added=1)
        (folder / "red.png").unlink()
        until(reports, removed=1)
        (folder / "blue.png").rename(folder / "new" / "bleu.png")
        until(reports, moved=1)
        paint(folder / "green.png", (0, 90, 0))
        until(reports, updated=1)
        (folder / "green.txt").write_text("a dark green square")
        until(reports, updated=1)
        shutil.rmtree(folder / "new")
        until(reports, removed=2)
    assert ["bleu.png"] not in names_found(target, "blue", 8)


def test_what_does_not_concern_it_starts_no_run(folder: Path, target: Path) -> None:
    inside = folder / "inside.collection"
    with watching(folder, inside, exclude=["raw/"]) as reports:
        until(reports, added=8)
        (folder / "notes.md").write_text("no picture")
        paint(folder / ".hidden.png", "red")
        paint(folder / "last.png", (7, 7, 7))
        report = until(reports, added=1)
        assert report.unchanged == 8
        assert reports.empty()


def test_what_failed_is_not_tried_again_before_it_changes(folder: Path, target: Path) -> None:
    (folder / "bad.jpg").write_text("no picture")
    with watching(folder, target) as reports:
        assert len(until(reports, added=8).failed) == 1
        paint(folder / "more.png", (9, 9, 9))
        report = until(reports, added=1)
        assert [failure.reason for failure in report.failed] == ["is not an image in a format that is read here"]
        paint(folder / "bad.jpg", (90, 0, 90))
        assert not until(reports, added=1).failed


def test_a_collection_in_use_is_waited_for(folder: Path, target: Path) -> None:
    with watching(folder, target) as reports:
        until(reports, added=8)
        with WriteLock(target):
            paint(folder / "late.png", (3, 3, 3))
            with pytest.raises(Empty):
                reports.get(timeout=3)
        until(reports, added=1)


def test_a_folder_that_is_not_there(target: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        next(iter(watch_collection([tmp_path / "nowhere"], target, encoder=ColourEncoder())))
