"""What is said while a run is under way."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer import Standing, build_collection
from indexer.progress import Rate
from tests.fakes import ColourEncoder
from tests.pictures import paint, shade


def test_failures_are_told_once_each_and_the_end_is_told(folder: Path, target: Path, encoder: ColourEncoder) -> None:
    for number in range(5):
        (folder / f"bad{number}.jpg").write_text("no picture")
    seen: list[Standing] = []
    build_collection([folder], target, encoder=encoder, batch_size=1, observe=seen.append)
    told = [Path(failure.path).name for standing in seen for failure in standing.failures]
    assert sorted(told) == [f"bad{number}.jpg" for number in range(5)]
    last = seen[-1]
    assert (last.stage, last.done, last.total, last.counted, last.failed) == ("indexing", 13, 13, True, 5)
    assert last.eta_seconds == 0
    assert [one.done for one in seen] == sorted(one.done for one in seen)


def test_the_time_left_is_of_what_is_new(target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were known already are passed over in no time, and say nothing about the others."""
    folder, now = tmp_path / "photos", [0.0]
    for number in range(200):
        paint(folder / "old" / f"{number}.png", shade(number), (4, 4))
    build_collection([folder], target, encoder=ColourEncoder())
    for number in range(40):
        paint(folder / "young" / f"{number}.png", shade(300 + number), (4, 4))

    class Slow(ColourEncoder):
        """Takes half a second for an image, by a clock of the test's own."""

        def encode_images(self, images):  # type: ignore[no-untyped-def]
            now[0] += 0.5 * len(images)
            return super().encode_images(images)

    seen: list[Standing] = []
    monkeypatch.setattr("indexer.progress.monotonic", lambda: now[0])
    build_collection([folder], target, encoder=Slow(), batch_size=2, observe=seen.append)
    # Four batches are on their way at a time, so that early on the estimate is a rough one.
    told = [one for one in seen if one.eta_seconds and one.done > 220]
    assert told
    for one in told:
        assert one.images_per_second == pytest.approx(2.0, rel=0.5)
        assert one.eta_seconds == pytest.approx(0.5 * (240 - one.done), rel=0.5, abs=5)


def test_a_rate_forgets_what_is_long_past(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("indexer.progress.monotonic", lambda: now[0])
    rate = Rate()
    assert rate.update(0) is None
    done = 0
    for seconds, pace in ((100, 10), (60, 2)):
        for _ in range(seconds):
            now[0] += 1.0
            done += pace
            found = rate.update(done)
        assert found == pytest.approx(pace, rel=0.05)
