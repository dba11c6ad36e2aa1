"""A process that is killed: for each line on stdin a child does one kind of job over and over.

It says what it is about to change and, once that has returned, that it has: ``+ 3 4``, ``- 3``, ``ok``. Children are
forked, since importing takes longer than the jobs.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from retrieval.compaction import compact_collection
from retrieval.reembedding import NextEmbeddings
from retrieval.removal import remove_images
from retrieval.writer import CollectionWriter
from tests.faults.numbered import ENCODERS, add, id_of, open_writer, path_of, vector_of


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def numbers_there(writer: CollectionWriter, most: int) -> list[int]:
    ids = {id_of(number): number for number in range(most)}
    return sorted(ids[row[0]] for row in writer.catalog.connection.execute("SELECT id FROM image"))


def index(target: Path, most: int) -> None:
    """Batches of new numbers, now and then a scan that finds some gone, and what publishing follows on a run."""
    with opened(target) as writer:
        for step in range(1_000_000):
            batch = range(most, most + random.randint(1, 40))
            say("+", *batch)
            add(writer, batch)
            most = batch.stop
            say("ok")
            if step % 4 == 3:
                gone = random.sample(numbers_there(writer, most), 3)
                say("-", *gone)
                writer.settle(gone=[path_of(number) for number in gone])
                say("ok")
                writer.publish()


def snapshot(target: Path, most: int) -> None:
    """An index for every few new numbers."""
    with opened(target) as writer:
        while True:
            say("+", most)
            add(writer, [most])
            most += 1
            say("ok")
            writer.publish()


def compact(target: Path, most: int) -> None:
    """Remove some, as by hand, and compact."""
    while True:
        with opened(target) as writer:
            there = numbers_there(writer, most)
            gone = random.sample(there, min(len(there) // 2, 10))
            if gone:
                say("-", *gone)
                remove_images(writer, [id_of(number) for number in gone])
                say("ok")
            compact_collection(writer)
        batch = range(most, most + 10)
        with opened(target) as writer:
            say("+", *batch)
            add(writer, batch)
            say("ok")
        most = batch.stop


def reembed(target: Path, most: int) -> None:
    """From one encoder to the other and back, in small batches."""
    while True:
        with opened(target) as writer:
            other = next(one for one in ENCODERS if one.fingerprint != writer.encoder.fingerprint)
            following = NextEmbeddings(writer, other)
            ids = {id_of(number): number for number in range(most)}
            while images := following.next_missing(0, 50):
                following.commit([(image.key, vector_of(ids[image.id], other)) for image in images])
            following.switch()
            following.close()


def opened(target: Path) -> CollectionWriter:
    try:
        return CollectionWriter.open(target)
    except Exception:
        return open_writer(target)


JOBS = {job.__name__: job for job in (index, snapshot, compact, reembed)}


def main() -> None:
    for line in sys.stdin:
        job, target, most, seed = line.split()
        child = os.fork()
        if not child:
            try:
                random.seed(int(seed))
                say("begun", os.getpid())
                JOBS[job](Path(target), int(most))
            except BaseException as error:
                say("failed", type(error).__name__, str(error).replace("\n", " "))
                os._exit(1)
        os.waitpid(child, 0)
        say("ended")


if __name__ == "__main__":
    main()
