"""How long requests are going to take, by what others of their kind took."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from api.tasks import Task, Ticket

# How much the newest request weighs in the running mean.
NEWEST = 0.2
# Who says nothing of deadlines waits up to this many seconds, or as many times as long as the answer itself takes.
PATIENCE, PATIENCE_FACTOR = 1.0, 2.0
# The share of a deadline that may pass before the first turn: the rest is for the request itself.
MOST_OF_DEADLINE = 0.8


class Estimates:
    """Running means of seconds on the worker for each unit of size, by kind; what was never seen takes no time."""

    def __init__(self) -> None:
        self._means: dict[str, float] = {}
        # Of whole requests, whatever their size.
        self._whole: dict[str, float] = {}

    def record(self, ticket: Ticket, seconds: float) -> None:
        """Take a finished request into the mean."""
        each = seconds / max(1, ticket.size)
        for means, newest in ((self._means, each), (self._whole, seconds)):
            mean = means.get(ticket.kind, newest)
            means[ticket.kind] = mean + NEWEST * (newest - mean)

    def seconds(self, ticket: Ticket) -> float:
        """How long such a request keeps the worker busy."""
        return self._means.get(ticket.kind, 0.0) * max(1, ticket.size)

    def backlog(self, tasks: Iterable[Task[Any]]) -> float:
        """How long it is until all of ``tasks`` are done, in seconds."""
        return sum(self._left(task) for task in tasks)

    def delay(self, ticket: Ticket, tasks: Iterable[Task[Any]]) -> float:
        """How much later it is done for taking turns with ``tasks``: none holds it up for longer than it takes.

        All count whole, however far they are: under load whoever ends makes place for another.
        """
        own = self.seconds(ticket)
        return sum(min(own, self.seconds(task.ticket)) for task in tasks)

    def patience(self, ticket: Ticket) -> float:
        """How long such a request may have to wait; one that would wait longer is better refused at once."""
        if ticket.deadline_ms is not None:
            return MOST_OF_DEADLINE * ticket.deadline_ms / 1000.0
        return max(PATIENCE, PATIENCE_FACTOR * self.seconds(ticket))

    def patience_of(self, kinds: Iterable[str]) -> float:
        """How long a request of one of these kinds may have to wait, if it has no deadline: the longest, if unsure."""
        return max([PATIENCE, *(PATIENCE_FACTOR * self._whole.get(kind, 0.0) for kind in kinds)])

    def whole(self, kinds: Iterable[str]) -> float:
        """How long a request of one of these kinds takes, whatever its size: the shortest, if unsure."""
        return min(self._whole.get(kind, 0.0) for kind in kinds)

    def _left(self, task: Task[Any]) -> float:
        return 0.0 if task.gone else max(0.0, self.seconds(task.ticket) - task.seconds)
