"""A few hundred of the requests that ``python -m tests.api.fuzz`` makes up by the thousand."""

from __future__ import annotations

from pathlib import Path

from tests.api.conftest import wait_ready
from tests.api.fuzz import KEY, Fuzzer, small_collection
from tests.api.test_process import serving

CASES = 240


def test_no_answer_but_documented_ones(tmp_path: Path) -> None:
    target, ids = small_collection(tmp_path)
    with serving("-c", str(target), VERALENS_API_KEYS=KEY, OMP_NUM_THREADS="1") as (process, url):
        wait_ready(url)
        report = Fuzzer(url, ids, seed=1).run(CASES)
        assert process.poll() is None
    assert report.failures == {}
    assert report.cases > 0.9 * CASES  # what takes no arguments cannot be asked in a wrong way
    assert report.unkeyed >= CASES // 8
    # It reached what it was to reach: answers, not refusals alone.
    assert report.statuses["200"] > CASES // 10
    assert report.statuses["422"] > CASES // 10
