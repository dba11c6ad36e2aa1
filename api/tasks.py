"""One request's computation on its way through the worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from rerank.turns import Late, Pause, Turns, Work

T = TypeVar("T")
# How much longer than a newcomer another must have waited to come before it, in seconds: the candidates of a new search
# and single checks come soon, and however many of them there are, the others get on.
HEAD_START = 0.05
Lane = Literal["interactive", "batch"]


@dataclass(frozen=True)
class Ticket:
    """What a computation is, for those who decide when it is its turn.

    ``kind`` and ``size`` say how long it will take: as long for each unit as others of its kind. ``deadline_ms`` is
    what the client wants to wait; None leaves it to the service.
    """

    lane: Lane = "interactive"
    kind: str = "job"
    size: int = 1
    deadline_ms: float | None = None


class Task(Generic[T]):
    """A computation in turns and the future of its answer; cancelling that ends it after the turn at hand.

    ``wake`` is called when what it pauses for is there, or nobody waits for it any more.
    """

    def __init__(self, begin: Callable[[], Turns[T]], ticket: Ticket, wake: Callable[[], None]) -> None:
        self.ticket = ticket
        self._wake = wake
        self.future: Future[T] = Future()
        # Whether nobody waits for the answer. Asked for far more often than futures like to be.
        self.gone = False
        self.future.add_done_callback(self._ended)
        self.arrived = time.monotonic()
        # How long it has kept the worker busy, and in how many turns.
        self.seconds = 0.0
        self.turns = 0
        # Since when the step at hand waits for its turn.
        self.since = self.arrived
        self.step: Work | Pause | None = None
        self._begin = begin
        self._turns: Turns[T] | None = None
        self._results: list[Any] = []

    @property
    def begun(self) -> bool:
        """Whether it has left the queue."""
        return self._turns is not None

    @property
    def urgency(self) -> float:
        """Lower comes first: who has waited longest for the next turn, with a start for who has had none yet."""
        return self.since if self.turns else self.since - HEAD_START

    @property
    def work(self) -> Work | None:
        """What a model is to do for it next."""
        return self.step if isinstance(self.step, Work) else None

    @property
    def pause(self) -> Pause | None:
        """What it waits for."""
        return self.step if isinstance(self.step, Pause) else None

    def items(self, most: int) -> list[Any]:
        """The next items of its work."""
        work = self.work
        assert work is not None
        return list(work.items[len(self._results) : len(self._results) + most])

    def take(self, results: list[Any]) -> None:
        """Results of its next items, and to the back of the line; when all are there it goes on to its next step."""
        work = self.work
        assert work is not None
        self._results += results
        self.turns += 1
        self.since = time.monotonic()
        if len(self._results) == len(work.items):
            sent, self._results = self._results, []
            self.advance(sent)

    def skip(self) -> None:
        """It is too late for the rest of its work."""
        work = self.work
        assert work is not None
        self.take([Late("the deadline came before its turn")] * (len(work.items) - len(self._results)))

    def advance(self, sent: list[Any] | None = None) -> None:
        """Run it to its next step, or to its end."""
        start = time.monotonic()
        self.step = None
        try:
            if self._turns is None:
                self._turns = self._begin()
            self.step = self._turns.send(sent)
        except StopIteration as end:
            self._settle(end.value, None)
        except BaseException as error:  # the waiter gets it, whatever it is; the thread lives on
            self._settle(None, error)
        if self.pause is not None:
            self.pause.future.add_done_callback(lambda _: self._wake())
        self.since = time.monotonic()
        self.seconds += self.since - start

    def drop(self) -> None:
        """End it where it is."""
        if self._turns is not None:
            self._turns.close()
        self.step = None
        self.future.cancel()

    def _ended(self, future: Future[T]) -> None:
        self.gone = future.cancelled()
        self._wake()

    def _settle(self, answer: Any, error: BaseException | None) -> None:
        with suppress(InvalidStateError):  # whoever waited has gone this very moment
            if error is None:
                self.future.set_result(answer)
            else:
                self.future.set_exception(error)
