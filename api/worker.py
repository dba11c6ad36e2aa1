"""One thread that runs the models, for many requests in turns.

Requests wait in a bounded queue for each lane; a few of each lane are at it at a time, and take turns batch by
batch, so that none waits for all of another. Work of the same kind goes through the model together. What people wait
for comes before batch work, which gets a turn in between all the same. What nobody waits for any more, or what is too
late, is dropped before it is computed.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from api.admission import Admission
from api.batches import compute_each
from api.estimates import Estimates
from api.line import Line
from api.metrics import Metrics
from api.tasks import Lane, Task, Ticket
from rerank.deadline import Deadline
from rerank.turns import Turns, Work, results

T = TypeVar("T")
LANES: tuple[Lane, ...] = ("interactive", "batch")
# Turns of interactive work in a row while batch work waits.
TURNS_IN_A_ROW = 8
AT_ONCE = Ticket()


class WorkerClosed(Exception):
    """The worker takes no more jobs: the service is shutting down."""


class Worker:
    """Runs computations in turns on a thread of its own; see the module."""

    def __init__(self, capacity: int, name: str = "engine", metrics: Metrics | None = None) -> None:
        self._metrics = metrics
        self._estimates = Estimates()
        self._lines: dict[Lane, Line] = {lane: Line() for lane in LANES}
        self.admission = Admission(self._lines, self._estimates, capacity)
        if metrics is not None:
            for lane, line in self._lines.items():
                metrics.show_queue(lane, line)
        self._in_a_row = 0
        self._began: float | None = None
        self._news = threading.Event()
        self._closed = False
        self._closing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """Requests that wait for their first turn."""
        return sum(line.waiting for line in self._lines.values())

    @property
    def busy(self) -> bool:
        """Whether there is any request that waits or is at it."""
        return any(line.everybody for line in self._lines.values())

    @property
    def alive(self) -> bool:
        """Whether the thread is there; for ``/livez``."""
        return self._thread.is_alive()

    @property
    def running_seconds(self) -> float:
        """How long the turn at hand has taken so far; 0 while there is nothing to do. For ``/livez``."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    def submit(self, job: Callable[[], T], ticket: Ticket = AT_ONCE) -> Future[T]:
        """Queue ``job``, which takes one turn however long it is; else as ``submit_turns``."""
        return self.submit_turns(lambda: one_turn(job), ticket)

    def submit_turns(self, begin: Callable[[], Turns[T]], ticket: Ticket = AT_ONCE) -> Future[T]:
        """Queue a computation; cancelling the future drops it before its next turn.

        Raises:
            QueueFull: there is no room, or the wait would be too long.
            WorkerClosed
        """
        task = Task(begin, ticket, self._news.set)
        with self._closing:
            if self._closed:
                raise WorkerClosed("the service is shutting down")
            self.admission.check(ticket)
            self._lines[ticket.lane].add(task)
        self._news.set()
        return task.future

    async def run(self, begin: Callable[[], Turns[T]], ticket: Ticket = AT_ONCE) -> T:
        """``submit_turns`` and await the answer; a cancelled waiter takes its computation out."""
        return await asyncio.wrap_future(self.submit_turns(begin, ticket))

    def close(self, timeout: float | None = None) -> bool:
        """Take no more, drop what waits, let the turn at hand end; False if it has not by then."""
        with self._closing:
            self._closed = True
        for line in self._lines.values():
            for task in line.everybody:
                if not task.begun:
                    task.future.cancel()
        self._news.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._closed:
            self._news.clear()
            self._began = time.monotonic()
            for lane, line in self._lines.items():
                self._look_after(lane, line)
            line_or_none = self._next_line()
            if line_or_none is None:
                self._rest(min((left for one in self._lines.values() if (left := one.next_deadline())), default=None))
                continue
            first = line_or_none.first()
            assert first is not None
            if (left := line_or_none.gathering(first)) and self._rest(left):
                continue
            self._turn(line_or_none, first)
        self._began = None
        for line in self._lines.values():
            for task in line.everybody:
                task.drop()

    def _rest(self, seconds: float | None) -> bool:
        """Wait for news; whether there is any."""
        self._began = None
        return self._news.wait(seconds)

    def _look_after(self, lane: Lane, line: Line) -> None:
        """Begin what there is room for, wake what has waited for long enough, drop what nobody waits for."""
        while (begun := line.take()) is not None:
            if self._metrics is not None:
                self._metrics.queue_wait_seconds.labels(lane=lane).observe(time.monotonic() - begun.arrived)
            begun.advance()
            self._let_go(line, begun)
        for task in list(line.at_it):
            if not task.gone and task.pause is not None and task.pause.over:
                task.advance()
            while not task.gone and task.work is not None and task.work.deadline.over:
                task.skip()
            self._let_go(line, task)

    def _let_go(self, line: Line, task: Task[Any]) -> None:
        """Take out what has ended, or what nobody waits for."""
        if task.gone:
            task.drop()
        elif task.step is not None:
            return
        elif task.future.exception() is None:
            self._estimates.record(task.ticket, task.seconds)
        line.at_it.remove(task)

    def _next_line(self) -> Line | None:
        ready = [line for line in self._lines.values() if line.first() is not None]
        if len(ready) < len(LANES):
            return ready[0] if ready else None
        self._in_a_row = (self._in_a_row + 1) % (TURNS_IN_A_ROW + 1)
        return self._lines["interactive" if self._in_a_row else "batch"]

    def _turn(self, line: Line, first: Task[Any]) -> None:
        """One batch: computed, handed out, and everybody in it sent to the back of the line."""
        work, chosen = first.work, line.together(first)
        assert work is not None
        items = [item for _, items in chosen for item in items]
        start = time.monotonic()
        computed = iter(compute_each(work.compute, items))
        seconds = time.monotonic() - start
        if self._metrics is not None:
            self._metrics.batch_size.labels(kind=work.kind).observe(len(items))
            self._metrics.inference_seconds.labels(kind=work.kind).observe(seconds)
        for task, own in chosen:
            task.seconds += seconds * len(own) / len(items)
            task.take([next(computed) for _ in own])
            self._let_go(line, task)


def one_turn(job: Callable[[], T], deadline: Deadline | None = None) -> Turns[T]:
    """``job`` as a computation of one turn; ``Late`` where that does not come before ``deadline``."""
    (answer,) = results((yield Work("job", lambda _: [job()], [None], 1, deadline or Deadline())))
    result: T = answer
    return result
