"""How far a run is, told to whoever asked."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Self

from indexer.report import Failure
from retrieval.catalog import display_text
from retrieval.types import FailedFile

Progress = Callable[[int, int], None]
INTERVAL_SECONDS = 0.1
# The rate is that of the last half minute: what lies further back says little about what is to come.
WINDOW_SECONDS = 30.0
FIRST_ESTIMATE_SECONDS = 3.0


@dataclass(frozen=True)
class Standing:
    """How far a run is.

    ``total`` files have been found so far, all of them once ``counted``; ``done`` of them need no more work.
    ``images_per_second`` and ``eta_seconds`` are of the files that are new or changed, as few or many as they
    are: None until they are known. ``failures`` are those since the last call.
    """

    stage: str
    done: int
    total: int
    counted: bool
    failed: int = 0
    images_per_second: float | None = None
    eta_seconds: float | None = None
    failures: tuple[Failure, ...] = ()


Observe = Callable[[Standing], None]


class Rate:
    """Items per second over the last half minute, from the first ones on: starting up is no work done slowly."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def update(self, done: int) -> float | None:
        """The rate, now that ``done`` items are; None while it is too early to say."""
        now = monotonic()
        if done and (not self._points or now - self._points[-1][0] >= 1.0):
            self._points.append((now, done))
        while len(self._points) > 2 and self._points[1][0] <= now - WINDOW_SECONDS:
            self._points.popleft()
        since, before = self._points[0] if self._points else (now, done)
        if now - since < FIRST_ESTIMATE_SECONDS or done <= before:
            return None
        return (done - before) / (now - since)


class Ticker:
    """Calls ``observe`` now and then. A thread of its own counts ahead what there is to do.

    Args:
        found: every file that there is: whether it must be read.
    """

    def __init__(self, observe: Observe | None, stage: str, found: Callable[[], Iterator[bool]]) -> None:
        self._observe = observe
        self._stage = stage
        self._found = found
        self._total = self._work = 0
        self._counted = False
        self._told = 0
        self._next = 0.0
        self._rate = Rate()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._count, name="indexer-count", daemon=True)

    def tick(self, done: int, worked: int, failures: Sequence[FailedFile], *, last: bool = False) -> None:
        """Say how many files are done, and for how many of them there was work to do; cheap, so call it often."""
        now = monotonic()
        if self._observe is None or not (last or now >= self._next):
            return
        self._next = now + INTERVAL_SECONDS
        rate, left = self._rate.update(worked), max(0, self._work - worked)
        eta = 0.0 if last else left / rate if rate and self._counted else None
        total = done if last else max(done, self._total)
        new = tuple(Failure(display_text(one.path), one.reason) for one in failures[self._told :])
        self._told = len(failures)
        counted = last or self._counted
        self._observe(Standing(self._stage, done, total, counted, len(failures), rate, eta, new))

    def __enter__(self) -> Self:
        if self._observe is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._observe is not None:
            self._thread.join()

    def _count(self) -> None:
        for work in self._found():
            if self._stop.is_set():
                return
            self._total += 1
            self._work += work
        self._counted = True
