from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from api.worker import QueueFull, Worker, WorkerClosed


def hold(started: threading.Event, gate: threading.Event) -> Callable[[], None]:
    """A job that says when it has begun, and ends when the gate opens."""

    def job() -> None:
        started.set()
        assert gate.wait(10)

    return job


def test_jobs_run_one_after_another_on_one_thread() -> None:
    worker = Worker(8)
    threads = [worker.submit(threading.get_ident).result(5) for _ in range(3)]
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()
    assert worker.close(5)


def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    worker, gate = Worker(1), threading.Event()
    started = threading.Event()
    held = worker.submit(hold(started, gate))
    assert started.wait(5)
    worker.submit(lambda: None)
    with pytest.raises(QueueFull) as refused:
        worker.submit(lambda: None)
    assert refused.value.retry_after >= 1
    gate.set()
    held.result(5)
    assert worker.close(5)


def test_a_cancelled_job_is_never_run() -> None:
    worker, gate, ran = Worker(4), threading.Event(), []
    worker.submit(lambda: gate.wait(10))
    unwanted = worker.submit(lambda: ran.append("unwanted"))
    wanted = worker.submit(lambda: ran.append("wanted"))
    assert unwanted.cancel()
    gate.set()
    wanted.result(5)
    assert ran == ["wanted"]
    assert worker.close(5)


def test_a_failing_job_fails_alone() -> None:
    worker = Worker(4)
    with pytest.raises(ZeroDivisionError):
        worker.submit(lambda: 1 / 0).result(5)
    assert worker.submit(lambda: "fine").result(5) == "fine"
    assert worker.close(5)


def test_closing_drops_what_waits_and_takes_nothing_more() -> None:
    worker, gate, started = Worker(4), threading.Event(), threading.Event()
    running = worker.submit(hold(started, gate))
    assert started.wait(5)
    waiting = worker.submit(lambda: None)
    assert not worker.close(0.05)
    assert waiting.cancelled()
    with pytest.raises(WorkerClosed):
        worker.submit(lambda: None)
    gate.set()
    running.result(5)
