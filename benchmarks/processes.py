"""Processes that are timed in turn, so that whatever else the machine does falls on all of them alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, Self

from benchmarks.progress import say

ROOT = Path(__file__).parent.parent
# Freed memory stays with the process: otherwise each batch pays for its pages again. Both sides get this.
ALLOCATOR = {"MALLOC_TRIM_THRESHOLD_": str(2**33), "MALLOC_MMAP_THRESHOLD_": str(2**33)}


@dataclass(frozen=True)
class Setup:
    """One implementation in one configuration; ``precision`` None is the reference."""

    name: str
    model: str
    images: Sequence[Path]
    threads: int
    precision: str | None = "fp32"
    python: str = sys.executable
    text: str = "blue denim jeans"
    batch_size: int | None = None
    steps: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=lambda: ALLOCATOR)

    def first_line(self) -> str:
        """What the worker is told first."""
        names = ("model", "threads", "precision", "text", "batch_size")
        told: dict[str, Any] = {name: getattr(self, name) for name in names}
        return json.dumps(told | {"images": [str(image) for image in self.images], "steps": dict(self.steps)})


@dataclass(frozen=True)
class Reading:
    """One measurement."""

    seconds: float
    cpu_seconds: float
    pairs: int
    peak_bytes: int


class Worker:
    """A process that holds one setup and answers measurements."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        threads = str(setup.threads)
        environment = {**os.environ, **setup.environment, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        environment["PYTHONPATH"] = str(ROOT)
        # A file: a pipe that nobody reads would stop a talkative library.
        self._words = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the process)
        self._process = subprocess.Popen(
            [setup.python, "-m", "benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
            env=environment,
            cwd=ROOT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._words.close()

    def measure(self, mode: str, pairs: int) -> Reading:
        """Judge ``pairs`` pictures: "fresh" as never seen before, "cached" as they are."""
        return Reading(**self.ask(json.dumps({"mode": mode, "pairs": pairs})))

    def ask(self, line: str) -> Any:
        """The worker's answer to ``line``; RuntimeError with its last words when it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self._words.seek(0)
            words = self._words.read().strip().splitlines()[-5:]
            raise RuntimeError(f"{self.setup.name}: the process has ended\n" + "\n".join(words))
        return json.loads(answer)


@dataclass(frozen=True)
class Task:
    """What to measure of a setup: modes, and how many pairs each time; ``warm`` pairs go unrecorded before."""

    setup: Setup
    modes: tuple[str, ...]
    pairs: int
    warm: int = 1


@dataclass(frozen=True)
class Result:
    """Medians over the repeats, per pair; ``peak_bytes`` is the process's."""

    name: str
    mode: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int


def run_in_turn(tasks: Sequence[Task], repeat: int) -> list[Result]:
    """Measure every task ``repeat`` times, one after another in each round."""
    readings: dict[tuple[str, str], list[Reading]] = {}
    with ExitStack() as stack:
        workers = []
        for task in tasks:
            say(f"  loading {task.setup.name}")
            worker = stack.enter_context(Worker(task.setup))
            worker.ask(task.setup.first_line())
            # The first batch of a size chooses kernels.
            worker.measure("fresh", min(task.warm, task.pairs))
            workers.append((task, worker))
        for number in range(repeat):
            for task, worker in workers:
                for mode in task.modes:
                    reading = worker.measure(mode, task.pairs)
                    readings.setdefault((task.setup.name, mode), []).append(reading)
                    seconds, cpu_seconds = reading.seconds / reading.pairs, reading.cpu_seconds / reading.pairs
                    pace = f"{seconds:.4f} s, {cpu_seconds:.4f} CPU-s a pair"
                    say(f"  {number + 1}/{repeat} {task.setup.name}, {mode}: {pace}")
    return [_median(name, mode, taken) for (name, mode), taken in readings.items()]


def _median(name: str, mode: str, taken: Sequence[Reading]) -> Result:
    return Result(
        name,
        mode,
        median(one.seconds / one.pairs for one in taken),
        median(one.cpu_seconds / one.pairs for one in taken),
        max(one.peak_bytes for one in taken),
    )
