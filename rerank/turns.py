"""Computations that say what they need next, so that many of them can take turns on one model.

Such a computation is a generator: it yields ``Work`` for a model, or a ``Pause`` for something that goes on elsewhere,
and returns its answer. ``finish`` runs one alone; a scheduler runs several, and gives a model work of some together.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rerank.deadline import Deadline

T = TypeVar("T")
# Gives one result for each item, as a list or an array.
Compute = Callable[[Sequence[Any]], Any]


class Late(Exception):
    """The deadline came before this item was computed."""


@dataclass(eq=False)
class Work:
    """Items for a model; work of the same ``compute`` may be computed together.

    What is sent back is one result for each item, in order: what ``compute`` gave for it, the exception where it
    failed alone, or ``Late`` where its turn came after the deadline. ``most`` is how many items go at once, ``kind``
    what they are, for who counts them.
    """

    kind: str
    compute: Compute
    items: Sequence[Any]
    most: int
    deadline: Deadline = field(default_factory=Deadline)


@dataclass(eq=False)
class Pause:
    """Until ``future`` is done or the deadline has come, whichever is first; nothing is sent back.

    ``kind`` is that of the work that comes next.
    """

    kind: str
    future: Future[Any]
    deadline: Deadline = field(default_factory=Deadline)

    @property
    def over(self) -> bool:
        """Whether there is nothing to wait for any more."""
        return self.future.done() or self.deadline.over


Turns = Generator[Work | Pause, Any, T]


def results(sent: Sequence[Any]) -> list[Any]:
    """What was sent back for a ``Work``, where nothing may fail: the first exception among it is raised."""
    for one in sent:
        if isinstance(one, Exception):
            raise one
    return list(sent)


def finish(turns: Turns[T]) -> T:
    """Run a computation to its end on this thread; what its work raises ends it."""
    sent: list[Any] | None = None
    try:
        while True:
            step = turns.send(sent)
            if isinstance(step, Pause):
                wait([step.future], step.deadline.remaining())
                sent = None
            else:
                sent = list(step.compute(step.items))
    except StopIteration as end:
        answer: T = end.value
        return answer
    finally:
        turns.close()
