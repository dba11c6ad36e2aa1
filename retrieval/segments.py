"""Embeddings and image tokens on disk: append-only files of fp16 rows, each row with a CRC in the catalogue.

A row counts only once the catalogue says so. Whatever lies behind the committed row count is the torn
tail of a writer that died, and the next writer overwrites it.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrieval.atomic import sync_directory
from retrieval.errors import CollectionDamaged
from retrieval.types import Vectors

SEGMENTS_DIRECTORY = "segments"
BLOCK_ROWS = 4096
BLOCK_BYTES = 8 * 2**20
_HALF = np.dtype("<f2")
Halves = NDArray[np.float16]


class Row(NamedTuple):
    """Where what belongs to the image with catalogue key ``key`` lies, and the CRC-32 of its bytes."""

    key: int
    segment: int
    row: int
    crc: int


class Segments:
    """The segment files of one collection, in ``folder``; rows of ``dimension`` numbers. Reading is thread-safe."""

    def __init__(self, directory: Path, dimension: int, folder: str = SEGMENTS_DIRECTORY) -> None:
        self.directory = directory / folder
        self.dimension = dimension
        self._row_bytes = dimension * _HALF.itemsize
        # Rows taken at a time, so that memory stays flat however wide they are.
        self.block_rows = max(1, min(BLOCK_ROWS, BLOCK_BYTES // self._row_bytes))
        self._descriptors: dict[int, int] = {}
        self._lock = threading.Lock()

    def path(self, segment: int) -> Path:
        """The file of a segment."""
        return self.directory / f"{segment:08d}.fp16"

    def append(self, segment: int, row: int, vectors: Vectors | Halves) -> list[int]:
        """Write ``vectors`` (n, dimension) from row number ``row`` on, synced; their CRCs come back."""
        rows = np.ascontiguousarray(vectors, dtype=_HALF)
        self.directory.mkdir(exist_ok=True)
        new = not self.path(segment).exists()
        descriptor = os.open(self.path(segment), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            data = memoryview(rows.tobytes())
            offset = row * self._row_bytes
            while data:
                written = os.pwrite(descriptor, data, offset)
                data, offset = data[written:], offset + written
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            sync_directory(self.directory)
            sync_directory(self.directory.parent)
        return [zlib.crc32(one.data) for one in rows.view(np.uint8)]

    def read(self, rows: Sequence[Row]) -> Vectors:
        """The embeddings of ``rows``, in their order: float32 (n, dimension), each of length 1.

        Raises:
            CollectionDamaged: names the file and the row that fails its CRC.
        """
        halves, damaged = self.checked(rows)
        if damaged:
            first = damaged[0]
            raise CollectionDamaged(
                f"{self.path(first.segment)}: {len(damaged)} embeddings fail their checksum, the first in row "
                f"{first.row}; index the folder again to embed those images anew"
            )
        return _unit(halves)

    def damaged(self, rows: Sequence[Row]) -> list[Row]:
        """Those of ``rows`` that are missing on disk or fail their CRC."""
        return self.checked(rows)[1]

    def checked(self, rows: Sequence[Row]) -> tuple[Halves, list[Row]]:
        """What is stored in ``rows``, (n, dimension) in their order, and those that are missing or fail their CRC."""
        size, missing = self._row_bytes, set[int]()
        parts: list[bytes] = []
        for start, stop in _runs(rows, self.block_rows):
            data = self._bytes(rows[start].segment, rows[start].row, stop - start)
            if len(data) < (stop - start) * size:
                missing.update(range(start + len(data) // size, stop))
                data = data.ljust((stop - start) * size, b"\0")
            parts.append(data)
        whole = memoryview(b"".join(parts))
        sums = [zlib.crc32(whole[start : start + size]) for start in range(0, len(whole), size)]
        wrong = [number for number, (row, found) in enumerate(zip(rows, sums, strict=True)) if row[3] != found]
        damaged = [rows[number] for number in sorted(missing.union(wrong))]
        return np.frombuffer(whole, dtype=_HALF).reshape(len(rows), self.dimension), damaged

    def close(self) -> None:
        """Close the files; a second call does nothing."""
        with self._lock:
            for descriptor in self._descriptors.values():
                os.close(descriptor)
            self._descriptors.clear()

    def _bytes(self, segment: int, row: int, count: int) -> bytes:
        size, offset = count * self._row_bytes, row * self._row_bytes
        parts: list[bytes] = []
        try:
            descriptor = self._descriptor(segment)
            if len(first := os.pread(descriptor, size, offset)) == size:
                return first  # as nearly always
            while size and (part := os.pread(descriptor, size, offset)):
                parts.append(part)
                size, offset = size - len(part), offset + len(part)
        except OSError:
            pass  # what cannot be read fails its CRC below, and is named there
        return b"".join(parts)

    def _descriptor(self, segment: int) -> int:
        found = self._descriptors.get(segment)
        if found is not None:
            return found
        with self._lock:
            if segment not in self._descriptors:
                self._descriptors[segment] = os.open(self.path(segment), os.O_RDONLY | os.O_CLOEXEC)
            return self._descriptors[segment]


def _runs(rows: Sequence[Row], most: int) -> Iterator[tuple[int, int]]:
    """Stretches of up to ``most`` of ``rows`` that lie side by side on disk, so that each takes one read."""
    start, expected = 0, (-1, -1)
    for position, (_, segment, row, _) in enumerate(rows):
        if (segment, row) != expected or position - start == most:
            if position:
                yield start, position
            start = position
        expected = (segment, row + 1)
    if rows:
        yield start, len(rows)


def _unit(halves: Halves) -> Vectors:
    """fp16 rounding moves the length by up to 5e-4: back to 1, so that a dot product is a cosine."""
    vectors = halves.astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, np.newaxis]
    np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    return vectors
