"""One thread that runs the models, behind a bounded queue.

The models take turns anyway: more threads would only share the same cores. What does not fit the queue
is refused at once, so that whoever is waiting waits a bounded time.
"""

from __future__ import annotations

import asyncio
import math
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
# How much the newest job weighs in the running mean of job seconds.
NEWEST = 0.2


class QueueFull(Exception):
    """The queue holds as many jobs as it may; ``retry_after`` is when it should have room, in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many requests are waiting; try again in {retry_after} s")
        self.retry_after = retry_after


class WorkerClosed(Exception):
    """The worker takes no more jobs: the service is shutting down."""


class Worker:
    """Runs jobs one after another on a thread of its own."""

    def __init__(self, capacity: int, name: str = "engine") -> None:
        self._jobs: queue.Queue[tuple[Callable[[], Any], Future[Any]] | None] = queue.Queue(capacity)
        self._closed = threading.Event()
        self._mean_seconds = 0.1
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """Jobs that wait."""
        return self._jobs.qsize()

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """Queue ``job``; cancelling the future before its turn means it is never run.

        Raises:
            QueueFull, WorkerClosed
        """
        if self._closed.is_set():
            raise WorkerClosed("the service is shutting down")
        future: Future[T] = Future()
        try:
            self._jobs.put_nowait((job, future))
        except queue.Full:
            raise QueueFull(max(1, math.ceil(self._mean_seconds * (self.depth + 1)))) from None
        return future

    async def run(self, job: Callable[[], T]) -> T:
        """``submit`` and await the answer; a cancelled waiter takes its job out of the queue."""
        return await asyncio.wrap_future(self.submit(job))

    def close(self, timeout: float | None = None) -> bool:
        """Take no more jobs, drop those that wait, let the running one end; False if it has not by then."""
        self._closed.set()
        while True:
            try:
                waiting = self._jobs.get_nowait()
            except queue.Empty:
                break
            if waiting is not None:
                waiting[1].cancel()
        self._jobs.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, future = item
            if not future.set_running_or_notify_cancel():
                continue
            start = time.monotonic()
            try:
                future.set_result(job())
            except BaseException as error:  # the waiter gets it, whatever it is; the thread lives on
                future.set_exception(error)
            self._mean_seconds += NEWEST * (time.monotonic() - start - self._mean_seconds)
