"""How much time a call has left, and how many pairs fit into it."""

from __future__ import annotations

import threading
import time

# How much the newest batch weighs in the running mean of seconds a pair.
NEWEST = 0.3


class Deadline:
    """A point in time, or none; and whether the caller has gone."""

    def __init__(self, milliseconds: float | None = None, cancelled: threading.Event | None = None) -> None:
        self._end = None if milliseconds is None else time.monotonic() + milliseconds / 1000.0
        self._cancelled = cancelled

    @property
    def limited(self) -> bool:
        """Whether there is a point in time at all."""
        return self._end is not None

    @property
    def over(self) -> bool:
        """Whether time is up, or the caller has gone."""
        return self.remaining() == 0.0

    def remaining(self) -> float | None:
        """Seconds left, 0 when time is up or the caller has gone, None without end."""
        if self._cancelled is not None and self._cancelled.is_set():
            return 0.0
        return None if self._end is None else max(0.0, self._end - time.monotonic())


class Pace:
    """Seconds a pair has taken of late: what a batch may hold when time is short."""

    def __init__(self) -> None:
        self._seconds: float | None = None

    def record(self, pairs: int, seconds: float) -> None:
        """Take a batch of ``pairs`` that took ``seconds`` into the mean."""
        each = seconds / pairs
        self._seconds = each if self._seconds is None else self._seconds + NEWEST * (each - self._seconds)

    def fit(self, deadline: Deadline, batch_size: int) -> int:
        """Pairs for the next batch: at most ``batch_size``, 0 when not even one is likely to be done in time.

        Half of the time left is planned for, so that a wrong guess costs little. A refusal halves the
        memory of the pace: what was slow once, as a first call is, must not refuse all calls to come.
        """
        left = deadline.remaining()
        if left is None:
            return batch_size
        if left <= 0.0:
            return 0
        if self._seconds is None:
            return 1
        if left < self._seconds:
            self._seconds /= 2
            return 0
        return min(batch_size, max(1, int(left / 2 / self._seconds)))
