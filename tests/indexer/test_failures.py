"""Files that cannot be read: remembered from run to run, until they change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from indexer import IndexReport, build_collection, loader
from rerank.decoding.files import CutShort, StillWritten
from rerank.decoding.pool import DecoderPool
from tests.fakes import ColourEncoder
from tests.indexer.seen import counts
from tests.pictures import paint


class CountingPool(DecoderPool):
    """Notes the names of the files that it reads."""

    def __init__(self) -> None:
        super().__init__(1)
        self.read: list[str] = []

    def decode_file(self, path, **wanted):  # type: ignore[no-untyped-def]
        self.read.append(Path(path).name)
        return super().decode_file(path, **wanted)


def build(target: Path, *folders: Path, **options: bool) -> tuple[IndexReport, list[str]]:
    """The report, and the names of the files that were read."""
    with CountingPool() as decoders:
        report = build_collection(folders, target, encoder=ColourEncoder(), decoders=decoders, **options)  # type: ignore[arg-type]
    return report, sorted(decoders.read)


@pytest.fixture
def bad(folder: Path) -> Path:
    (folder / "bad.jpg").write_text("no picture")
    (folder / "empty.png").touch()
    return folder


def reasons(report: IndexReport) -> dict[str, str]:
    return {Path(one.path).name: one.reason for one in report.failed}


def test_not_read_again_but_still_listed(bad: Path, target: Path) -> None:
    first, read = build(target, bad)
    assert (first.added, first.not_retried, len(read)) == (8, 0, 10)
    second, read = build(target, bad)
    assert read == []
    assert (second.unchanged, second.not_retried) == (8, 2)
    assert reasons(second) == reasons(first)
    assert json.dumps(second.to_dict()["not_retried"]) == "2"


def test_read_again_on_demand(bad: Path, target: Path) -> None:
    build(target, bad)
    report, read = build(target, bad, retry_failed=True)
    assert (read, report.not_retried, len(report.failed)) == (["bad.jpg", "empty.png"], 0, 2)
    assert build(target, bad)[0].not_retried == 2


def test_read_again_when_it_has_changed(bad: Path, target: Path) -> None:
    build(target, bad)
    paint(bad / "bad.jpg", (90, 0, 90))
    report, read = build(target, bad)
    assert (read, report.added, report.not_retried) == (["bad.jpg"], 1, 1)
    assert list(reasons(report)) == ["empty.png"]


def test_read_again_when_the_decoders_have_changed(bad: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(target, bad)
    monkeypatch.setattr("indexer.comparison.reader", lambda: loader.reader() + ", one more")
    report, read = build(target, bad)
    assert (read, report.not_retried) == (["bad.jpg", "empty.png"], 0)
    assert build(target, bad)[1] == []


def test_a_picture_that_went_bad_leaves_the_collection_and_is_not_read_again(folder: Path, target: Path) -> None:
    build(target, folder)
    (folder / "red.png").write_bytes(b"no longer")
    assert counts(build(target, folder)[0])["removed"] == 1
    report, read = build(target, folder)
    assert (read, report.unchanged, report.removed, report.not_retried) == ([], 7, 0, 1)


def test_another_folder_forgets_nothing(bad: Path, target: Path, tmp_path: Path) -> None:
    build(target, bad)
    paint(tmp_path / "others" / "one.png", (5, 6, 7))
    assert build(target, tmp_path / "others")[0].failed == ()
    assert build(target, bad)[1] == []
    (bad / "bad.jpg").unlink()
    assert build(target, bad)[0].not_retried == 1
    paint(bad / "bad.jpg", "red")
    assert build(target, bad)[1] == ["bad.jpg"]


@pytest.mark.parametrize(
    "error",
    [PermissionError(13, "Permission denied"), CutShort("takes more than 1 s"), StillWritten("is being written")],
)
def test_what_may_go_well_another_time_is_tried_again(
    folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refused(self: DecoderPool, path: str, **_: object) -> object:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(DecoderPool, "decode_file", refused)
        assert len(build_collection([folder], target, encoder=ColourEncoder()).failed) == 8
    report, read = build(target, folder)
    assert (len(read), report.added, report.failed) == (8, 8, ())


def test_interrupted_runs_remember_what_they_found(bad: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of files in their order: what fails before the interruption is known afterwards."""

    class Interrupted(ColourEncoder):
        def encode_images(self, images: list[Image.Image]) -> object:  # type: ignore[override]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_collection([bad], target, encoder=Interrupted())
    report, read = build(target, bad)
    assert (report.added, report.not_retried, len(read)) == (8, 2, 8)
