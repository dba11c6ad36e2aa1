"""Flipped bits and cut files: ``python -m tests.faults.damage --flips 300 --cuts 100``, for every kind of file.

Whatever is damaged, the answers are the true ones, or an error names the file. What changes no answer today, such as a
row that the index stands in for, `verify` still finds.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import random
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rerank.errors import VeralensError
from retrieval.collection import Collection
from retrieval.removal import remove_images
from retrieval.token_writer import TokenWriter
from retrieval.verification import verify_collection
from tests.faults.numbered import DIMENSION, add, id_of, open_writer, path_of, vector_of

IMAGES = 300
TOKENS = "number-tokens"
ASKED = (3, 50, 117, 200, 295)
KINDS = {
    "catalogue": "catalog.sqlite",
    "segment": "segments/*.fp16",
    "tokens": "tokens/*.fp16",
    "manifest": "manifest.json",
    "index": "index/*.faiss",
}
Answers = tuple[Any, ...]


def make(target: Path) -> None:
    """A collection with all there can be: two indexes, changes behind them, removed images, tokens."""
    with open_writer(target) as writer:
        add(writer, range(IMAGES // 2))
        writer.publish()
        add(writer, range(IMAGES // 2, IMAGES))
        writer.settle(gone=[path_of(number) for number in (7, 8, 9)])
        remove_images(writer, [id_of(20)])
        tokens = TokenWriter(writer, TOKENS, (2, 3))
        missing = tokens.next_missing(0, 2 * IMAGES)
        tokens.commit([(image.key, np.full((2, 3), image.key % 100, dtype=np.float16)) for image in missing])
        tokens.close()
        writer.publish()
        add(writer, [IMAGES])
        writer.settle(gone=[path_of(10)])


def answers(target: Path) -> Answers:
    """Everything that a reader tells: hits, records, embeddings, tokens, counts."""
    with Collection.open(target) as collection:
        info = collection.info()
        found: list[Any] = [info.name, info.images, info.generation, info.encoder, info.roots]
        queries = [vector_of(number) for number in ASKED] + [np.ones(DIMENSION, dtype=np.float32)]
        for query in queries:
            hits = collection.search(query, 25)
            found.append(tuple((hit.id, round(hit.similarity, 5)) for hit in hits))
            records = collection.images([hit.id for hit in hits])
            missing = [hit.id for hit in hits if hit.id not in records]
            collection.confirm_gone(missing)
            found.append(tuple(records.get(hit.id) for hit in hits))
            tokens = collection.rerank_tokens([hit.id for hit in hits], TOKENS)
            # Tokens are never needed: without them the pictures are read.
            found.append(all((values == values[0, 0]).all() for values in tokens.values()))
        found.append(tuple(collection.vector(id_of(number)).tobytes() for number in ASKED))
        return tuple(found)


@dataclass
class Damage:
    """Damages files of ``target`` one at a time, and puts them right again."""

    target: Path
    chance: random.Random
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        make(self.target)
        with contextlib.closing(sqlite3.connect(self.target / "catalog.sqlite")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.truth = answers(self.target)
        assert verify_collection(self.target).sound

    def run(self, kind: str, flips: int, cuts: int) -> None:
        """Flip ``flips`` bits, one at a time, and cut ``cuts`` times, files of one kind."""
        files = sorted(self.target.glob(KINDS[kind]))
        counts = self.counts.setdefault(kind, Counter())
        for number in range(flips + cuts):
            path = self.chance.choice(files)
            what = self._flip if number < flips else self._cut
            with self._damaged(path, what) as description:
                counts[self._outcome(f"{path.name}: {description}")] += 1

    def _outcome(self, description: str) -> str:
        """How one damage shows; a wrong answer is an error here."""
        told, message = None, ""
        try:
            told = answers(self.target)
        except VeralensError as error:
            message = str(error)
        if message:
            assert str(self.target) in message, f"{description}: the error names no file: {message}"
            return "error"
        assert told == self.truth, f"{description}: a wrong answer, and no error"
        return "found by verify" if not verify_collection(self.target).sound else "harmless"

    @contextlib.contextmanager
    def _damaged(self, path: Path, damage: Callable[[bytearray], str]) -> Iterator[str]:
        whole = path.read_bytes()
        data = bytearray(whole)
        description = damage(data)
        path.write_bytes(data)
        try:
            yield description
        finally:
            path.write_bytes(whole)
            for name in ("catalog.sqlite-wal", "catalog.sqlite-shm"):
                (self.target / name).unlink(missing_ok=True)

    def _flip(self, data: bytearray) -> str:
        place, bit = self.chance.randrange(len(data)), self.chance.randrange(8)
        data[place] ^= 1 << bit
        return f"bit {bit} of byte {place} flipped"

    def _cut(self, data: bytearray) -> str:
        left = self.chance.randrange(len(data))
        del data[left:]
        return f"cut to {left} bytes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=300)
    parser.add_argument("--cuts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        damage = Damage(Path(folder) / "numbers.collection", random.Random(options.seed))
        for kind in KINDS:
            start = time.monotonic()
            damage.run(kind, options.flips, options.cuts)
            print(f"{kind}: {dict(damage.counts[kind])}, none silently wrong, in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
