"""Who is taken in: a bounded queue, and no one who would wait longer than the answer is worth to them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
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


@dataclass
class Look:
    """What was seen of the queue: how many more requests may come until ``until``, and why no more."""

    places: int
    shut: Shut
    until: float


class Admission:
    """Looks at the lanes' lines, of which each may hold ``capacity`` requests that wait for their first turn."""

    def __init__(self, lines: Mapping[Lane, Line], estimates: Estimates, capacity: int) -> None:
        self._lines = lines
        self._estimates = estimates
        self._capacity = capacity
        self._looked: dict[Sequence[str], Look] = {}

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

    def look(self, kinds: Sequence[str], unanswered: Callable[[], int]) -> Shut | None:
        """Why no interactive request of these kinds would be taken now, as far as it need not be read to know that.

        It costs next to nothing: what was found is held for true for a moment, in which a turn at most is over, and
        each request that is let in takes one of the places that there were. ``unanswered`` says how many requests were
        let in before and read; those that are not in line yet are on their way.
        """
        if self._lines["interactive"].empty and not unanswered():
            return None
        now = time.monotonic()
        looked = self._looked.get(kinds)
        if looked is None or now >= looked.until:
            looked = self._looked[kinds] = self._seen(kinds, unanswered(), now + MOMENT)
        if looked.places <= 0:
            return looked.shut
        looked.places -= 1
        return None

    def _seen(self, kinds: Sequence[str], unanswered: int, until: float) -> Look:
        line = self._lines["interactive"]
        others, backlog = self._backlog(line)
        coming = max(0, unanswered - len(others))
        room = self._capacity - line.waiting - coming
        if room <= 0:
            return Look(0, Shut(QueueFull(backlog), for_any_deadline=True), until)
        # Of the kinds that it can be the one is taken that lets the most in: the queue knows better.
        each, patience = self._estimates.whole(kinds), self._estimates.patience_of(kinds)
        # A place that is free is taken whatever the wait is, and so are as many as the wait allows for.
        bearable = math.ceil((patience - backlog) / each) - coming if each else room
        bearable = max(AT_IT - len(others) - coming, bearable)
        if room <= bearable:
            return Look(room, Shut(QueueFull(backlog), for_any_deadline=True), until)
        return Look(bearable, Shut(_too_long(backlog + coming * each), for_any_deadline=False), until)

    def _backlog(self, line: Line) -> tuple[list[Task[Any]], float]:
        others = [task for task in line.everybody if not task.gone]
        return others, self._estimates.backlog(others)


def _too_long(wait: float) -> QueueFull:
    return QueueFull(wait, f"the wait would be about {wait:.1f} s, which is too long for this request")
