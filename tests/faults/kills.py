"""kill -9 at random moments: ``python -m tests.faults.kills --rounds 200``, with ``--indexer`` of the command itself.

After every kill the collection opens at once, holds all that was acknowledged and nothing that was never begun, and
keeps every promise of its format.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from retrieval.collection import Collection
from retrieval.verification import verify_collection
from tests.faults.numbered import ENCODERS, id_of, numbers_in, vector_of

ROOT = Path(__file__).parent.parent.parent
JOBS = ("index", "compact", "snapshot", "reembed")
OPEN_SECONDS = 5.0


@dataclass
class Ledger:
    """What must be there, and what may be there or not: a change that was begun and never acknowledged."""

    there: set[int] = field(default_factory=set)
    begun: list[tuple[str, set[int]]] = field(default_factory=list)
    acknowledged: int = 0
    most: int = 0

    def hear(self, line: str) -> None:
        """Take in what a worker says."""
        word, *rest = line.split()
        if word in "+-":
            numbers = {int(number) for number in rest}
            self.begun.append((word, numbers))
            self.most = max(self.most, *(number + 1 for number in numbers))
        elif word == "ok":
            sign, numbers = self.begun.pop()
            self.there = self.there | numbers if sign == "+" else self.there - numbers
            self.acknowledged += 1
        elif word == "failed":
            raise AssertionError(line)

    def check(self, found: set[int]) -> None:
        """Hold what is found against what was said."""
        if not self.begun:
            assert found == self.there
        for sign, numbers in self.begun:  # one at most
            whole = self.there | numbers if sign == "+" else self.there - numbers
            assert found in (self.there, whole), "a commit is there by half, or something acknowledged is lost"
        self.there, self.begun = found, []


@dataclass
class Kills:
    """Rounds of jobs that are killed, over one collection in ``target``."""

    target: Path
    seed: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    rounds: Counter[str] = field(default_factory=Counter)
    slowest_open: float = 0.0

    def run(self, rounds: int, longest: float = 0.4) -> None:
        """Kill ``rounds`` jobs after up to ``longest`` seconds each."""
        chance = random.Random(self.seed)
        command = [sys.executable, "-m", "tests.faults.worker"]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
            for number in range(rounds):
                # The first one makes the collection; after that in turn, so that each job meets what the others left.
                job = JOBS[number % len(JOBS)]
                self._kill(worker, job, chance.random() * longest, number)
                self.rounds[job] += 1
                self._check()

    def _kill(self, worker: subprocess.Popen[str], job: str, delay: float, seed: int) -> None:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(f"{job} {self.target} {self.ledger.most} {seed}\n")
        worker.stdin.flush()
        for line in worker.stdout:
            if line.startswith("begun"):
                time.sleep(delay)
                with suppress(ProcessLookupError):  # it has failed, and will say so
                    os.kill(int(line.split()[1]), signal.SIGKILL)
            elif line == "ended\n":
                return
            else:
                self.ledger.hear(line)

    def _check(self) -> None:
        if not (self.target / "catalog.sqlite").exists():
            assert not self.ledger.there
            return
        found = verify_collection(self.target)
        named = [str(problem) for problem in found.problems]
        begun = bool(self.ledger.there or self.ledger.begun)
        if not begun and named:
            return  # killed before the collection was there
        assert not named, named
        start = time.monotonic()
        with Collection.open(self.target) as collection:
            self.slowest_open = max(self.slowest_open, time.monotonic() - start)
            assert self.slowest_open < OPEN_SECONDS
            self.ledger.check(numbers_in(collection, self.ledger.most))
            encoder = next(one for one in ENCODERS if one.fingerprint == collection.encoder.fingerprint)
            for number in random.sample(sorted(self.ledger.there), min(5, len(self.ledger.there))):
                hit = collection.search(vector_of(number, encoder), 1)[0]
                assert hit.id == id_of(number)
                assert hit.similarity > 0.999


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--indexer", action="store_true", help="kill `veralens index` with the bundled encoder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.indexer:
            _kill_indexer(Path(folder), options.rounds, options.seed)
            return
        kills, start = Kills(Path(folder) / "numbers.collection", options.seed), time.monotonic()
        kills.run(options.rounds)
        print(
            f"{options.rounds} kills ({', '.join(f'{count} in {job}' for job, count in kills.rounds.items())}) in "
            f"{time.monotonic() - start:.0f} s: {kills.ledger.acknowledged} changes acknowledged, none lost; "
            f"{len(kills.ledger.there)} images at the end; slowest open {kills.slowest_open:.2f} s; every verify clean"
        )


def _kill_indexer(place: Path, rounds: int, seed: int) -> None:
    from tests.faults.indexer_kills import IndexerKills

    kills, start = IndexerKills(place, seed), time.monotonic()
    kills.run(rounds)
    print(
        f"veralens index, {', '.join(f'{count} {what}' for what, count in kills.rounds.items())}, in "
        f"{time.monotonic() - start:.0f} s: {kills.seen} images seen before the kills, none lost; "
        f"slowest open {kills.slowest_open:.2f} s; every verify clean"
    )


if __name__ == "__main__":
    main()
