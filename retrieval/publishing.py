"""Index files: building one from the segments, writing it beside the others, reading it back with its checksum."""

from __future__ import annotations

import os
import secrets
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from retrieval.atomic import sync_directory, write_atomically
from retrieval.calibration import QUERIES, Probes, Texts, calibrated, texts_like
from retrieval.catalog import Catalog
from retrieval.errors import CollectionDamaged
from retrieval.exact import blocks_of, nearest_of, read_all, spread
from retrieval.index import EXACT, LISTED, RULE, SCANNED_LISTS, IndexRule
from retrieval.manifest import IndexFile
from retrieval.matching import some_captions
from retrieval.segments import Segments
from retrieval.stores.faiss import FaissIndex
from retrieval.stores.ivf import build_lists
from retrieval.stores.scan import ScannedLists
from retrieval.types import Vectors

INDEX_DIRECTORY = "index"
KEPT = 2  # a reader that has just read the manifest may still be opening the older one
# How much may change behind inverted lists before they are built anew.
MOST_ADDED, MOST_ADDED_SHARE, MOST_REMOVED_SHARE = 20_000, 0.05, 0.2
_CHUNK = 1 << 20


@dataclass(frozen=True)
class BuiltIndex:
    """An index and what it was measured to find: see ``IndexFile.measured``."""

    index: FaissIndex
    measured: Mapping[str, Any] = field(default_factory=dict)


def build_index(catalog: Catalog, segments: Segments, rule: IndexRule = RULE, texts: Texts | None = None) -> BuiltIndex:
    """The index that ``rule`` has for the collection's size, of every embedding in the catalogue, measured.

    ``texts`` gives text queries by the collection's encoder; without it they are made up: see ``calibration``.

    Raises:
        CollectionDamaged: an embedding fails its checksum.
    """
    total = catalog.count()
    plan = rule.plan(total, segments.dimension)
    blocks = blocks_of(catalog.rows(), segments)
    if plan.kind == EXACT:
        return BuiltIndex(FaissIndex.build(plan, segments.dimension, blocks))

    def sample(count: int) -> Vectors:
        return read_all(spread(catalog.rows(), total, count), segments)

    if plan.kind in LISTED:
        index = build_lists(plan, sample, blocks)
    else:
        index = FaissIndex.build(plan, segments.dimension, blocks)
    queries, words = texts(QUERIES, some_captions(catalog)) if texts else None, "texts"
    if queries is None:
        queries, words = texts_like(sample(8 * QUERIES), QUERIES), "made-up queries like texts"
    truth, _ = nearest_of(blocks_of(catalog.rows(), segments), queries, rule.candidates)
    return BuiltIndex(*calibrated(index, Probes(queries, words, truth), rule))


def build_in_memory(catalog: Catalog, segments: Segments, rule: IndexRule = RULE) -> FaissIndex:
    """An exact index of every embedding, quickly made, for want of a sound one on disk.

    Raises:
        CollectionDamaged: an embedding fails its checksum.
    """
    plan = rule.in_memory(catalog.count())
    return FaissIndex.build(plan, segments.dimension, blocks_of(catalog.rows(), segments))


def write_index(directory: Path, built: BuiltIndex, generation: int, dimension: int) -> IndexFile:
    """Write an index as a new file, durably; nothing points at it until the manifest does."""
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
        built.index.write(file)
        file.flush()
        with Path(file.name).open("rb") as again:
            checksum, written = checksum_of(again)

    write_atomically(path, write)
    name, index = f"{INDEX_DIRECTORY}/{path.name}", built.index
    return IndexFile(
        index.kind,
        name,
        written,
        f"{checksum:08x}",
        generation,
        len(index),
        dimension,
        index.parameters,
        built.measured,
    )


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
            index = FaissIndex.read(
                file,
                kind=record.kind,
                dimension=record.dimension,
                images=record.images,
                parameters=record.parameters,
            )
            return ScannedLists.of(index, file) if record.kind == SCANNED_LISTS else index
    except FileNotFoundError:
        raise CollectionDamaged(f"{path}: is missing") from None
    except OSError as error:
        raise CollectionDamaged(f"{path}: cannot be read ({error.strerror})") from error
    except CollectionDamaged as error:
        raise CollectionDamaged(f"{path}: {error}") from error


def still_serves(record: IndexFile, catalog: Catalog, rule: IndexRule = RULE) -> bool:
    """Whether a published index need not be built anew for the catalogue's state.

    Inverted lists take minutes to build for a million images: they stay while what was added behind them is little
    enough to compare one by one, and what was removed little enough to pass over. Exact indexes are soon built.
    """
    if record.generation == catalog.generation():
        return True
    if record.kind not in LISTED or rule.plan(catalog.count(), record.dimension).kind not in LISTED:
        return False
    if not catalog.log_start() <= record.generation <= catalog.generation():
        return False
    kinds = Counter(change.kind for change in catalog.changes(record.generation))
    most = min(MOST_ADDED, MOST_ADDED_SHARE * record.images)
    return not kinds["encoder"] and kinds["add"] <= most and kinds["remove"] <= MOST_REMOVED_SHARE * record.images


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
