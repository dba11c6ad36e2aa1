"""Images that are in no file: everything about number n follows from n."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrieval.catalog_writer import FoundPath, ImageContent
from retrieval.collection import Collection
from retrieval.types import EncoderRecord, Vectors
from retrieval.writer import Addition, CollectionWriter

DIMENSION = 32
ENCODERS = tuple(EncoderRecord(f"numbers {name}", DIMENSION, f"fingerprint-{name}") for name in ("one", "two"))


def content_of(number: int) -> ImageContent:
    return ImageContent(hashlib.sha256(b"picture %d" % number).digest(), 40, 30, "PNG", 1000 + number)


def id_of(number: int) -> str:
    return content_of(number).id


def vector_of(number: int, encoder: EncoderRecord = ENCODERS[0]) -> Vectors:
    """What ``encoder`` makes of number n: another direction for each, of length 1."""
    random = np.random.default_rng([number, zlib.crc32(encoder.fingerprint.encode())])
    vector = random.standard_normal(DIMENSION).astype(np.float32)
    return vector / np.linalg.norm(vector)


def path_of(number: int) -> bytes:
    return b"/numbers/%02d/picture-%d.png" % (number % 7, number)


def addition_of(number: int, encoder: EncoderRecord = ENCODERS[0]) -> Addition:
    caption = f"the number {number}" if number % 3 == 0 else None
    found = FoundPath(path_of(number), 1, 1000 + number, number, "", caption, ("even",) if number % 2 == 0 else ())
    return Addition(content_of(number), found, vector_of(number, encoder))


def open_writer(target: Path, encoder: EncoderRecord = ENCODERS[0]) -> CollectionWriter:
    """The collection open for writing, with the folder that the numbers lie in."""
    writer = CollectionWriter.create_or_open(target, encoder, "numbers")
    writer.put_root(b"/numbers")
    return writer


def add(writer: CollectionWriter, numbers: Sequence[int]) -> None:
    """Enter numbers in one commit."""
    assert writer.commit([addition_of(number, writer.encoder) for number in numbers]) == []


def numbers_in(collection: Collection, most: int) -> set[int]:
    """Which of the numbers below ``most`` are found, each where its vector says."""
    ids = {id_of(number): number for number in range(most)}
    hits = collection.search(np.ones(DIMENSION, dtype=np.float32), max(1, most))
    found = {ids[hit.id] for hit in hits}
    assert len(found) == len(hits)
    assert collection.images([hit.id for hit in hits]).keys() == {hit.id for hit in hits}
    return found
