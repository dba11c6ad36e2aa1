"""From what is on disk to the state that a reader searches."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from retrieval.catalog import Catalog
from retrieval.errors import CollectionDamaged
from retrieval.index import describe_index
from retrieval.manifest import Manifest, read_manifest
from retrieval.publishing import build_in_memory, bytes_on_disk, read_index
from retrieval.segments import Segments
from retrieval.snapshot import Snapshot
from retrieval.stores.faiss import KINDS
from retrieval.stores.gpu import accelerated
from retrieval.types import CollectionInfo, EncoderRecord


def load_snapshot(path: Path, catalog: Catalog, segments: Segments, manifest: Manifest | None) -> Snapshot:
    """The newest state: the newest sound index, with later changes on top; built in memory where there is none.

    Raises:
        CollectionDamaged: an embedding that is needed fails its checksum.
    """
    if catalog.checked and catalog.count() != catalog.recount():
        raise sqlite3.DatabaseError(f"it counts {catalog.count()} images, but has {catalog.recount()}")
    snapshot = _indexed(path, catalog, segments.dimension, manifest) or _built(catalog, segments)
    return snapshot.advanced(catalog, segments)


def describe(path: Path, catalog: Catalog, snapshot: Snapshot, name: str, encoder: EncoderRecord) -> CollectionInfo:
    """What is in a collection, for people."""
    words = snapshot.description
    if len(snapshot.delta_keys):
        words += f", {len(snapshot.delta_keys)} newer images beside it"
    roots = tuple(root.display for root in catalog.roots())
    return CollectionInfo(name, snapshot.images, snapshot.generation, encoder, words, roots, bytes_on_disk(path))


def manifest_or_none(path: Path) -> Manifest | None:
    """The manifest, or None where it is missing or damaged: the catalogue knows everything that it says."""
    try:
        return read_manifest(path)
    except CollectionDamaged:
        return None


def _indexed(path: Path, catalog: Catalog, dimension: int, manifest: Manifest | None) -> Snapshot | None:
    generation, oldest = catalog.generation(), catalog.log_start()
    for record in manifest.indexes if manifest else ():
        # An index from a later state than the catalogue belongs to a catalogue that was put back from a copy; behind
        # one from before the log begins, changes are missing.
        if not oldest <= record.generation <= generation or record.dimension != dimension:
            continue
        if record.kind not in KINDS:
            continue
        try:
            index = accelerated(read_index(path, record))
        except CollectionDamaged:
            continue
        words = describe_index(record.kind, record.images, record.parameters, record.measured)
        return Snapshot.of_index(index, record.generation, record.dimension, record, words)
    return None


def _built(catalog: Catalog, segments: Segments) -> Snapshot:
    index = build_in_memory(catalog, segments)
    words = describe_index(index.kind, len(index), index.parameters, {})
    words = f"{words}, built in memory: no sound index on disk; the next indexing writes one"
    return Snapshot.of_index(index, catalog.generation(), segments.dimension, None, words)
