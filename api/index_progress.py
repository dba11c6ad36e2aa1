"""How an indexing run shows how far it is: a bar on a terminal, or JSON Lines for programs."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from api import console

if TYPE_CHECKING:
    from rich.progress import Progress

    from indexer import Standing

JSON_SECONDS = 1.0


class Bar:
    """A bar on stderr with rate, time left, and failures so far; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def __call__(self, standing: Standing) -> None:
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = _bar()
            self._bar.start()
        total = standing.total if standing.counted else None
        words, task = in_words(standing), self._bar.task_ids[0]
        self._bar.update(task, description=standing.stage, completed=standing.done, total=total, words=words)

    def clear(self) -> None:
        """Take it off the screen until the next call."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task("indexing", total=None, words="")
    return bar


def in_words(standing: Standing) -> str:
    """Counts, rate, time left and failures, as far as they are known."""
    more = "" if standing.counted else "+"
    words = [f"{standing.done:,}/{standing.total:,}{more}"]
    if standing.images_per_second is not None:
        words.append(f"{standing.images_per_second:.1f} images/s")
    if standing.eta_seconds is not None:
        words.append(f"{duration(standing.eta_seconds)} left")
    if standing.failed:
        words.append(f"{standing.failed:,} failed")
    return "  ".join(words)


def duration(seconds: float) -> str:
    """Seconds as 2:05, or 1:02:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class JsonLines:
    """A JSON document a line on stderr: what fails at once, how far it is once a second."""

    def __init__(self) -> None:
        self._next = 0.0
        self._stage = ""

    def __call__(self, standing: Standing) -> None:
        for failure in standing.failures:
            self.line("failed", path=failure.path, reason=failure.reason)
        now = time.monotonic()
        if now < self._next and standing.stage == self._stage and standing.done < standing.total:
            return
        self._next, self._stage = now + JSON_SECONDS, standing.stage
        self.line(
            "progress",
            stage=standing.stage,
            done=standing.done,
            total=standing.total,
            counted=standing.counted,
            failed=standing.failed,
            images_per_second=_rounded(standing.images_per_second),
            eta_seconds=_rounded(standing.eta_seconds),
        )

    def line(self, event: str, **fields: Any) -> None:
        """One event."""
        console.note(json.dumps({"event": event, **fields}, ensure_ascii=False))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
