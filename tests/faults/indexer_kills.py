"""kill -9 of ``veralens index`` itself, with the bundled encoder and picture files, at random moments.

What a reader has seen before the kill was committed, and what the indexer has reported was: both must be there
afterwards. Every file that is there is found in the end, and nothing else is.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from rerank.errors import VeralensError
from retrieval.collection import Collection
from retrieval.connections import ReaderPool
from retrieval.verification import verify_collection
from tests.faults.kills import OPEN_SECONDS, ROOT

# Pictures that come and go before each run: with batches of 32, up to three to commit, then an index to publish.
MOST_NEW, MOST_GONE = 80, 10
LONGEST = 4.0  # seconds after its first commit, or in every fourth run after its start
LOOK_SECONDS = 0.05


@dataclass
class IndexerKills:
    """Runs of the indexer that are killed, over the pictures in ``place``."""

    place: Path
    seed: int = 0
    painted: int = 0
    rounds: Counter[str] = field(default_factory=Counter)
    seen: int = 0
    slowest_open: float = 0.0

    def __post_init__(self) -> None:
        self.target, self.folder = self.place / "pictures.collection", self.place / "pictures"
        self.folder.mkdir(parents=True)
        self._chance = random.Random(self.seed)
        self._files: dict[str, Path] = {}  # by SHA-256

    def run(self, rounds: int) -> None:
        """Kill ``rounds`` runs, then let one come to its end."""
        command = [sys.executable, "-m", "tests.faults.indexer"]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
            for number in range(rounds):
                if number % 20 == 0:
                    print(f"{number} of {rounds}: {dict(self.rounds)}", file=sys.stderr, flush=True)
                self._change_pictures()
                before, told = self._killed(worker, self._chance.random() * LONGEST)
                self._check(before, told)
            self._killed(worker, None)
            assert self._found() == set(self._files), "the last run left something out, or something in"
            assert verify_collection(self.target).problems == ()

    def _change_pictures(self) -> None:
        for _ in range(self._chance.randint(1, MOST_NEW)):
            path = self.folder / f"{self.painted % 7}" / f"{self.painted:06}.png"
            path.parent.mkdir(exist_ok=True)
            pixels = np.random.default_rng([self.seed, self.painted]).integers(256, size=(36, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)
            self._files[_sha256(path)] = path
            self.painted += 1
        gone = self._chance.sample(sorted(self._files), min(MOST_GONE, len(self._files) // 4))
        for sha256 in gone[: self._chance.randint(0, MOST_GONE)]:
            self._files.pop(sha256).unlink()

    def _killed(self, worker: subprocess.Popen[str], delay: float | None) -> tuple[set[str], int]:
        """Let the indexer begin and kill it after ``delay`` seconds: what was there before, and what it had told."""
        assert worker.stdin is not None
        assert worker.stdout is not None
        words = self.place / "words"
        words.write_text("")  # of this run, not the last
        worker.stdin.write(json.dumps([str(self.folder), str(self.target), str(words)]) + "\n")
        worker.stdin.flush()
        process = int(worker.stdout.readline())
        first = seen = self._found()
        start = time.monotonic() if self._chance.random() < 0.25 else None
        while not _ended(process) and (delay is None or start is None or time.monotonic() - start < delay):
            seen = self._found() or seen
            if start is None and seen != first:
                start = time.monotonic()
                self.rounds["after a commit"] += delay is not None
            time.sleep(LOOK_SECONDS)
        ended = _ended(process)
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        status = int(worker.stdout.readline())
        assert status in (0, -signal.SIGKILL), words.read_text()
        self.rounds["ended before it was killed" if ended else "killed"] += delay is not None
        return seen, max((_reported(line) for line in words.read_text().splitlines()), default=0)

    def _check(self, before: set[str], told: int) -> None:
        if not (self.target / "catalog.sqlite").exists():
            assert not before
            return
        start = time.monotonic()
        try:
            Collection.open(self.target).close()
        except VeralensError:
            assert not before, "what was there cannot be opened any more"
            return  # killed before the collection was there
        self.slowest_open = max(self.slowest_open, time.monotonic() - start)
        assert self.slowest_open < OPEN_SECONDS
        found = self._found()
        lost = {sha256 for sha256 in before - found if sha256 in self._files}
        assert not lost, f"{len(lost)} images were there before the kill"
        assert len(found) >= told, f"{told} files were reported as done, {len(found)} are there: {self._words()}"
        self.seen += len(before)
        problems = [str(problem) for problem in verify_collection(self.target).problems]
        assert not problems, problems

    def _words(self) -> str:
        return (self.place / "words").read_text()

    def _found(self) -> set[str]:
        """The images that a reader sees."""
        if not (self.target / "catalog.sqlite").exists():
            return set()
        readers = ReaderPool(self.target)
        try:
            with readers.lend() as catalog:
                query = "SELECT sha256 FROM image WHERE key IN (SELECT image FROM path)"
                return {row[0].hex() for row in catalog.connection.execute(query)}
        except VeralensError:
            return set()  # it has just been begun
        finally:
            readers.close()


def _reported(line: str) -> int:
    """How many files are in the collection by what the indexer says; at its end it counts what it has removed, too."""
    told = json.loads(line) if line.startswith("{") and line.endswith("}") else {}
    if told.get("event") == "report":
        return int(sum(told[name] for name in ("added", "updated", "moved", "unchanged")))
    return int(told["done"]) if told.get("event") == "progress" and told["done"] < told["total"] else 0


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def _ended(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
