"""Index files: building one from the segments, writing it beside the others, reading it back with its checksum."""

from __future__ import annotations

import os
import secrets
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from retrieval.atomic import sync_directory, write_atomically
from retrieval.catalog import Catalog
from retrieval.errors import CollectionDamaged
from retrieval.index import Keys, plan_index
from retrieval.manifest import IndexFile
from retrieval.segments import BLOCK_ROWS, Row, Segments
from retrieval.stores.faiss import FaissIndex
from retrieval.types import Vectors

INDEX_DIRECTORY = "index"
KEPT = 2  # a reader that has just read the manifest may still be opening the older one
_CHUNK = 1 << 20


def build_index(catalog: Catalog, segments: Segments) -> FaissIndex:
    """An index of every embedding in the catalogue.

    Raises:
        CollectionDamaged: an embedding fails its checksum.
    """
    plan = plan_index(catalog.count(), segments.dimension)
    return FaissIndex.build(plan, segments.dimension, _blocks(catalog.rows(), segments))


def write_index(directory: Path, index: FaissIndex, generation: int, dimension: int) -> IndexFile:
    """Write an index as a new file, durably; nothing points at it until the manifest does."""
    plan = plan_index(len(index), dimension)
    folder = directory / INDEX_DIRECTORY
    if not folder.is_dir():
        folder.mkdir()
        sync_directory(directory)
    # The random part keeps two indexes of one generation apart: one rebuilt, or built by another plan.
    path = folder / f"{generation:010d}-{secrets.token_hex(4)}.faiss"
    checksum = 0
    written = 0

    def write(file: BinaryIO) -> None:
        nonlocal checksum, written
        index.write(file)
        file.flush()
        with Path(file.name).open("rb") as again:
            checksum, written = checksum_of(again)

    write_atomically(path, write)
    name = f"{INDEX_DIRECTORY}/{path.name}"
    return IndexFile(plan.kind, name, written, f"{checksum:08x}", generation, len(index), dimension, plan.parameters)


def read_index(directory: Path, record: IndexFile) -> FaissIndex:
    """Read a published index, after its checksum has been found right.

    Raises:
        CollectionDamaged: names the file and what is wrong with it.
    """
    path = directory / record.file
    try:
        with path.open("rb") as file:
            if checksum_of(file) != (int(record.crc32, 16), record.bytes):
                raise CollectionDamaged("it fails its checksum")
            file.seek(0)
            return FaissIndex.read(file, dimension=record.dimension, images=record.images)
    except FileNotFoundError:
        raise CollectionDamaged(f"{path}: is missing") from None
    except OSError as error:
        raise CollectionDamaged(f"{path}: cannot be read ({error.strerror})") from error
    except CollectionDamaged as error:
        raise CollectionDamaged(f"{path}: {error}") from error


def sound(directory: Path, record: IndexFile) -> bool:
    """Whether a published index is there and has its checksum."""
    try:
        with (directory / record.file).open("rb") as file:
            return checksum_of(file) == (int(record.crc32, 16), record.bytes)
    except OSError:
        return False


def drop_other_indexes(directory: Path, kept: Iterable[IndexFile]) -> None:
    """Remove the index files that the manifest no longer names."""
    names = {Path(record.file).name for record in kept}
    for path in (directory / INDEX_DIRECTORY).glob("*.faiss"):
        if path.name not in names:
            path.unlink(missing_ok=True)


def checksum_of(file: BinaryIO) -> tuple[int, int]:
    """CRC-32 and length in bytes of the rest of a file."""
    checksum = size = 0
    while part := file.read(_CHUNK):
        checksum, size = zlib.crc32(part, checksum), size + len(part)
    return checksum, size


def bytes_on_disk(directory: Path) -> int:
    """What the files of a collection take, in bytes."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118
            except FileNotFoundError:
                continue  # a temporary file of the writer
    return total


def _blocks(rows: Iterator[Row], segments: Segments) -> Iterator[tuple[Keys, Vectors]]:
    while block := list(islice(rows, BLOCK_ROWS)):
        yield np.array([row.key for row in block], dtype=np.int64), segments.read(block)
