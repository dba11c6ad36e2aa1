"""How far a run is, told to whoever asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from indexer.scan import FoundFile, scan

Progress = Callable[[int, int], None]
INTERVAL_SECONDS = 0.1


class Ticker:
    """Calls ``progress(done, total)`` now and then. ``total`` is counted by a thread of its own, ahead of the work."""

    def __init__(self, progress: Progress | None, folders: Sequence[str]) -> None:
        self._progress = progress
        self._folders = folders
        self._total = 0
        self._next = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._count, name="indexer-count", daemon=True)

    def tick(self, done: int, *, last: bool = False) -> None:
        """Say how many files are done; cheap, so call it often."""
        if self._progress is None:
            return
        now = time.monotonic()
        if last or now >= self._next:
            self._next = now + INTERVAL_SECONDS
            self._progress(done, done if last else max(done, self._total))

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._progress is not None:
            self._thread.join()

    def _count(self) -> None:
        for folder in self._folders:
            for item in scan(folder, roots=self._folders):
                if self._stop.is_set():
                    return
                self._total += isinstance(item, FoundFile)
