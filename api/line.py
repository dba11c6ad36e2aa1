"""The requests of one lane: those that wait for their first turn, and the few that take turns."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from api.tasks import Task

# Requests of a lane that take turns. More would only hold more opened pictures in memory.
AT_IT = 8
# How long a batch that is not full waits for a request whose pictures are being opened just then, in seconds.
GATHERING = 0.004


class Line:
    """A queue, which any thread may add to, and what was taken from it, which is the worker's own."""

    def __init__(self) -> None:
        self.at_it: list[Task[Any]] = []
        self._queue: deque[Task[Any]] = deque()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many wait for their first turn."""
        with self._lock:
            return sum(not task.gone for task in self._queue)

    @property
    def empty(self) -> bool:
        """Whether nobody waits and nobody is at it."""
        return not self._queue and not self.at_it

    @property
    def everybody(self) -> list[Task[Any]]:
        """Who waits and who is at it."""
        with self._lock:
            return [*self._queue, *self.at_it]

    def add(self, task: Task[Any]) -> None:
        """To the back of the queue; what nobody waits for any more is cleared away."""
        with self._lock:
            if any(one.gone for one in self._queue):
                self._queue = deque(one for one in self._queue if not one.gone)
            self._queue.append(task)

    def take(self) -> Task[Any] | None:
        """The first of the queue from now on is at it; None where nobody waits, or there is no place."""
        with self._lock:
            while self._queue and self._queue[0].gone:
                self._queue.popleft()
            if not self._queue or len(self.at_it) >= AT_IT:
                return None
            task = self._queue.popleft()
            self.at_it.append(task)
            return task

    def first(self) -> Task[Any] | None:
        """Whose turn it is."""
        return min((task for task in self.at_it if task.work is not None), key=lambda task: task.urgency, default=None)

    def together(self, first: Task[Any]) -> list[tuple[Task[Any], list[Any]]]:
        """What goes through the model with ``first``: the items of each request that has the same work."""
        assert first.work is not None
        room, chosen = first.work.most, []
        same = [one for one in self.at_it if one.work is not None and one.work.compute == first.work.compute]
        for task in sorted(same, key=lambda task: task.urgency):
            if items := task.items(room):
                room -= len(items)
                chosen.append((task, items))
        return chosen

    def gathering(self, first: Task[Any]) -> float:
        """How long to wait for others to share the batch, in seconds: 0 where it is full or nobody is on the way."""
        work = first.work
        assert work is not None
        coming = any(task.pause is not None and task.pause.kind == work.kind for task in self.at_it)
        if not coming or sum(len(items) for _, items in self.together(first)) >= work.most:
            return 0.0
        return max(0.0, GATHERING - (time.monotonic() - first.since))

    def next_deadline(self) -> float | None:
        """Seconds until a pause is over by its deadline; None where only news can change anything."""
        pauses = [task.pause for task in self.at_it if task.pause is not None]
        return min((left for pause in pauses if (left := pause.deadline.remaining()) is not None), default=None)
