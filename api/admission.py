"""Who is taken in: a bounded queue, and no one who would wait longer than the answer is worth to them."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.estimates import Estimates
from api.line import AT_IT, Line
from api.tasks import Lane, Task, Ticket

MOST_RETRY_AFTER = 60
# How long a look at the queue is good for, in seconds.
MOMENT = 0.003


class QueueFull(Exception):
    """Too much is waiting already; ``retry_after`` is when there should be room, in seconds."""

    def __init__(self, wait: float, reason: str = "too many requests are waiting") -> None:
        self.retry_after = min(MOST_RETRY_AFTER, max(1, math.ceil(wait)))
        super().__init__(f"{reason}; try again in {self.retry_after} s")


@dataclass(frozen=True)
class Shut:
    """Why there is no room, and whether that holds for those who would wait for longer than others, too."""

    reason: QueueFull
    for_any_deadline: bool


class Admission:
    """Looks at the lanes' lines, of which each may hold ``capacity`` requests that wait for their first turn."""

    def __init__(self, lines: Mapping[Lane, Line], estimates: Estimates, capacity: int) -> None:
        self._lines = lines
        self._estimates = estimates
        self._capacity = capacity
        self._looked: dict[Sequence[str], tuple[Shut | None, float]] = {}

    def check(self, ticket: Ticket) -> None:
        """Nothing, where there is room for such a computation now.

        Raises:
            QueueFull: there is no room, or the wait would be too long.
        """
        line = self._lines[ticket.lane]
        others, backlog = self._backlog(line)
        if line.waiting >= self._capacity:
            raise QueueFull(backlog)
        if ticket.lane != "interactive":
            return
        # With a place free it takes turns from now on; else it waits for those before it.
        wait = self._estimates.delay(ticket, others) if len(others) < AT_IT else backlog
        if wait > self._estimates.patience(ticket):
            raise _too_long(wait)

    def look(self, kinds: Sequence[str]) -> Shut | None:
        """Why no interactive request of these kinds would be taken now, as far as it need not be read to know that.

        It costs next to nothing: what was found is held for true for a moment, in which a turn at most is over.
        """
        now = time.monotonic()
        shut, until = self._looked.get(kinds, (None, 0.0))
        if now >= until:
            shut = self._seen(kinds)
            self._looked[kinds] = shut, now + MOMENT
        return shut

    def _seen(self, kinds: Sequence[str]) -> Shut | None:
        line = self._lines["interactive"]
        others, backlog = self._backlog(line)
        if line.waiting >= self._capacity:
            return Shut(QueueFull(backlog), for_any_deadline=True)
        if len(others) >= AT_IT and backlog > self._estimates.patience_of(kinds):
            return Shut(_too_long(backlog), for_any_deadline=False)
        return None

    def _backlog(self, line: Line) -> tuple[list[Task[Any]], float]:
        others = [task for task in line.everybody if not task.gone]
        return others, self._estimates.backlog(others)


def _too_long(wait: float) -> QueueFull:
    return QueueFull(wait, f"the wait would be about {wait:.1f} s, which is too long for this request")
