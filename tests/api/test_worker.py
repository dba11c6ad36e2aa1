from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

from api.admission import QueueFull
from api.batches import NoRoom
from api.tasks import Ticket
from api.worker import Worker, WorkerClosed
from rerank.deadline import Deadline
from rerank.turns import Late, Pause, Turns, Work
from tests.api.conftest import wait_until

FLOOD = 1000
BATCH = Ticket(lane="batch")


class Model:
    """Notes every batch it is given; ``refuse`` raises for what it does not like."""

    def __init__(self, refuse: Callable[[Sequence[str]], None] = lambda _: None) -> None:
        self.batches: list[list[str]] = []
        self.refuse = refuse

    def __call__(self, items: Sequence[str]) -> list[str]:
        self.batches.append(list(items))
        self.refuse(items)
        return [item.upper() for item in items]

    def turns(self, *works: str, deadline: Deadline | None = None) -> Callable[[], Turns[list[Any]]]:
        """A computation of one piece of work for each word: its letters."""

        def begin() -> Turns[list[Any]]:
            answers: list[Any] = []
            for work in works:
                answers += yield Work("pairs", self, list(work), 4, deadline or Deadline())
            return answers

        return begin


class Held:
    """A worker that is held by a job until it is let go."""

    def __init__(self, capacity: int = 8) -> None:
        self.worker = Worker(capacity)
        self._gate, started = threading.Event(), threading.Event()

        def job() -> None:
            started.set()
            assert self._gate.wait(30)

        self.job = self.worker.submit(job)
        assert started.wait(30)

    def let_go(self) -> None:
        self._gate.set()
        self.job.result(30)

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        self._gate.set()
        assert self.worker.close(30)


def test_jobs_run_one_after_another_on_one_thread() -> None:
    worker = Worker(8)
    threads = [worker.submit(threading.get_ident).result(30) for _ in range(3)]
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()
    assert worker.close(30)


def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    with Held(1) as held:
        held.worker.submit(lambda: None)
        with pytest.raises(QueueFull) as refused:
            held.worker.submit(lambda: None)
        assert refused.value.retry_after >= 1
        # Batch work waits elsewhere.
        batch = held.worker.submit(lambda: "batch", BATCH)
        held.let_go()
        assert batch.result(30) == "batch"


def test_a_cancelled_job_is_never_run_and_leaves_its_place() -> None:
    ran: list[str] = []
    with Held(1) as held:
        unwanted = held.worker.submit(lambda: ran.append("unwanted"))
        assert unwanted.cancel()
        wanted = held.worker.submit(lambda: ran.append("wanted"))
        held.let_go()
        wanted.result(30)
    assert ran == ["wanted"]


def test_a_failing_job_fails_alone() -> None:
    worker = Worker(4)
    with pytest.raises(ZeroDivisionError):
        worker.submit(lambda: 1 / 0).result(30)
    assert worker.submit(lambda: "fine").result(30) == "fine"
    assert worker.close(30)


def test_closing_drops_what_waits_and_takes_nothing_more() -> None:
    with Held() as held:
        waiting = held.worker.submit(lambda: None)
        assert not held.worker.close(0.05)
        assert waiting.cancelled()
        with pytest.raises(WorkerClosed):
            held.worker.submit(lambda: None)
        held.let_go()


def test_what_waits_together_is_computed_together() -> None:
    model = Model()
    with Held() as held:
        answers = [held.worker.submit_turns(model.turns(letter)) for letter in "abcde"]
        held.let_go()
        assert [answer.result(30) for answer in answers] == [["A"], ["B"], ["C"], ["D"], ["E"]]
    assert model.batches == [["a", "b", "c", "d"], ["e"]]


def test_long_computations_take_turns_and_a_short_one_goes_before_their_rest() -> None:
    model = Model()
    with Held() as held:
        long = [
            held.worker.submit_turns(model.turns("aaaa", "AAAA")),
            held.worker.submit_turns(model.turns("bbbbbbbb")),
        ]
        short = held.worker.submit_turns(model.turns("c"))
        held.let_go()
        assert [len(one.result(30)) for one in [*long, short]] == [8, 8, 1]
    assert ["".join(batch) for batch in model.batches] == ["aaaa", "bbbb", "cAAA", "bbbb", "A"]


def test_however_many_newcomers_there_are_what_has_begun_goes_on() -> None:
    model, numbers = Model(), itertools.count()
    with Held(100) as held:
        long = held.worker.submit_turns(model.turns(*["abcd"] * 5))

        def newcomer() -> None:
            time.sleep(0.005)
            if not long.done() and next(numbers) < FLOOD:
                held.worker.submit(newcomer)

        for _ in range(3):
            held.worker.submit(newcomer)
        held.let_go()
        assert len(long.result(60)) == 20
    assert next(numbers) < FLOOD


def test_people_come_before_batch_work_which_does_not_starve() -> None:
    done: list[str] = []
    with Held(100) as held:
        jobs = [held.worker.submit(lambda: done.append("batch"), BATCH) for _ in range(2)]
        jobs += [held.worker.submit(lambda: done.append("person")) for _ in range(30)]
        held.let_go()
        for job in jobs:
            job.result(30)
    assert done[0] == "person"
    assert 1 < done.index("batch") < 30
    assert done.count("batch") == 2


def test_what_is_cancelled_between_its_turns_is_not_computed_on() -> None:
    closed = threading.Event()
    model, gate = Model(), threading.Event()

    def begin() -> Turns[None]:
        try:
            while True:
                yield Work("pairs", model, ["x"], 1)
        finally:
            closed.set()

    worker = Worker(4)
    endless = worker.submit_turns(begin)
    wait_until(lambda: len(model.batches) > 2)
    endless.cancel()
    assert closed.wait(30)
    seen = len(model.batches)
    worker.submit(gate.set).result(30)
    assert len(model.batches) == seen
    assert worker.close(30)


def test_what_is_too_late_is_not_computed() -> None:
    model = Model()
    with Held() as held:
        late = held.worker.submit_turns(model.turns("ab", deadline=Deadline(1.0)))
        in_time = held.worker.submit_turns(model.turns("cd", deadline=Deadline(600_000.0)))
        time.sleep(0.01)
        held.let_go()
        assert [type(one) for one in late.result(30)] == [Late, Late]
        assert in_time.result(30) == ["C", "D"]
    assert model.batches == [["c", "d"]]


def test_one_bad_item_of_a_batch_fails_alone() -> None:
    def refuse(items: Sequence[str]) -> None:
        if "b" in items:
            raise ValueError("b is bad")

    model = Model(refuse)
    with Held() as held:
        answers = [held.worker.submit_turns(model.turns(letter)) for letter in "abc"]
        held.let_go()
        a, b, c = (answer.result(30) for answer in answers)
    assert (a, c) == (["A"], ["C"])
    assert str(b[0]) == "b is bad"


def test_when_memory_runs_out_the_batch_is_halved_and_then_one_item_refused() -> None:
    def refuse(items: Sequence[str]) -> None:
        if len(items) > 1 or items[0] == "d":
            raise MemoryError

    model = Model(refuse)
    with Held() as held:
        answers = [held.worker.submit_turns(model.turns(letter)) for letter in "abcd"]
        held.let_go()
        results = [answer.result(30)[0] for answer in answers]
        assert results[:3] == ["A", "B", "C"]
        assert isinstance(results[3], NoRoom)
        assert held.worker.submit(lambda: "lives").result(30) == "lives"
    assert [len(batch) for batch in model.batches] == [4, 2, 1, 1, 2, 1, 1]


def test_whoever_waits_for_a_picture_holds_up_nobody() -> None:
    model, picture = Model(), Future[str]()

    def begin() -> Turns[list[str]]:
        yield Pause("pairs", picture)
        letters: list[str] = yield Work("pairs", model, [picture.result()], 4)
        return letters

    worker = Worker(4)
    paused = worker.submit_turns(begin)
    assert worker.submit_turns(model.turns("a")).result(30) == ["A"]
    picture.set_result("p")
    assert paused.result(30) == ["P"]
    # One that nobody waits for any more is let go at once.
    gone = worker.submit_turns(lambda: iter([Pause("pairs", Future())]))  # type: ignore[arg-type, return-value]
    gone.cancel()
    with pytest.raises(CancelledError):
        gone.result(30)
    assert worker.close(30)


def test_a_wait_that_is_too_long_for_the_deadline_is_refused_at_once() -> None:
    slow = Ticket(kind="slow")
    with Held(100) as held:
        held.worker._estimates.record(slow, 0.3)
        waiting = [held.worker.submit(lambda: None, slow)]
        with pytest.raises(QueueFull, match="too long"):
            held.worker.submit(lambda: None, Ticket(kind="slow", deadline_ms=200.0))
        waiting.append(held.worker.submit(lambda: None, Ticket(kind="slow", deadline_ms=5000.0)))
        # Who names no deadline is taken for somebody who waits a second or so.
        waiting += [held.worker.submit(lambda: None, slow) for _ in range(2)]
        with pytest.raises(QueueFull) as refused:
            held.worker.submit(lambda: None, slow)
        assert refused.value.retry_after == 2
        held.let_go()
        for one in waiting:
            one.result(30)


def test_who_is_nearly_done_counts_whole_since_another_takes_its_place() -> None:
    slow = Ticket(kind="slow", deadline_ms=1000.0)
    with Held(100) as held:
        held.worker._estimates.record(slow, 0.5)
        first = held.worker.submit(lambda: None, slow)
        (task,) = [one for one in held.worker._lines["interactive"].everybody if one.future is first]
        task.seconds = 0.45
        held.worker.submit(lambda: None, slow)  # .5 of the .8 seconds that it would wait at most
        with pytest.raises(QueueFull, match="too long"):
            held.worker.submit(lambda: None, slow)
        held.let_go()


def test_something_small_is_taken_in_beside_something_long() -> None:
    long, small = Ticket(kind="search", size=100), Ticket(kind="check")
    with Held(100) as held:
        held.worker._estimates.record(long, 30.0)
        held.worker._estimates.record(small, 0.03)
        held.worker.submit(lambda: None, long)
        answer = held.worker.submit(lambda: "small", small)
        held.let_go()
        assert answer.result(30) == "small"
