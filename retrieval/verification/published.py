"""The promises of the manifest and the index files: they say what the catalogue said at their generation."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from retrieval.bitmaps import Keys
from retrieval.catalog import Catalog
from retrieval.errors import CollectionDamaged, CollectionError
from retrieval.manifest import MANIFEST_FILE, IndexFile, Manifest, read_manifest
from retrieval.publishing import KEPT, read_index
from retrieval.segments import Segments
from retrieval.stores.contents import contents_of, wrong_short_codes
from retrieval.stores.faiss import FaissIndex
from retrieval.verification.changes import image_keys, keys_of_kind
from retrieval.verification.findings import REPUBLISH, Findings

# By how much an entry may differ from the embedding: the rounding of each kind of number.
ERRORS = {"flat-fp32": 1e-6, "flat-fp16": 1e-3}


def verify_published(directory: Path, catalog: Catalog, findings: Findings) -> None:
    """The manifest agrees with the catalogue; each index it names is whole and holds what it should.

    None at all breaks no promise: it is written by the first indexing that comes to its end.
    """
    problem = partial(findings.problem, MANIFEST_FILE)
    try:
        manifest = read_manifest(directory)
    except CollectionDamaged as damage:
        problem("has its checksum", str(damage), REPUBLISH)
        return
    except (CollectionError, TypeError, KeyError) as error:
        problem("can be read", str(error), "update Veralens")
        return
    if manifest is None:
        return
    generations = [one.generation for one in manifest.indexes]
    if len(generations) > KEPT or generations != sorted(generations, reverse=True):
        problem("names at most two indexes, the newest first", f"generations {generations}", REPUBLISH)
    found, start = catalog.collection(), catalog.log_start()
    # Behind a change of encoder the old manifest stands until the new index is published; readers pass it over.
    if found is not None and found != (manifest.name, manifest.encoder) and manifest.generation >= start:
        problem("agrees with the catalogue", f"it says {manifest.name!r}, {manifest.encoder.name!r}", REPUBLISH)
    for record in manifest.indexes:
        if record.generation > catalog.generation():
            detail = f"{record.generation}, the catalogue is at {catalog.generation()}: it lost its last changes"
            problem("generations are the catalogue's", detail, "index the folders again: what is missing is added")
        elif record.generation >= start:
            _verify_index(directory, catalog, manifest, record, findings)


def _verify_index(directory: Path, catalog: Catalog, manifest: Manifest, record: IndexFile, findings: Findings) -> None:
    problem = partial(findings.problem, record.file)
    try:
        index = read_index(directory, record)
    except CollectionDamaged as damage:
        problem("is there and has its checksum", str(damage), REPUBLISH)
        return
    changes = catalog.changes(record.generation)
    now, added = image_keys(catalog), keys_of_kind(changes, "add")
    then = np.setdiff1d(np.union1d(now, keys_of_kind(changes, "remove")), added)
    held, wrong = _compare(index, record, catalog, Segments(directory, manifest.encoder.dimension), now)
    findings.looked_at("index entries", len(held))
    if len(np.unique(held)) != len(held) or not np.array_equal(np.sort(held), then):
        detail = f"it holds {len(held)} keys, the catalogue held {len(then)} then"
        problem("holds the images of its generation", detail, REPUBLISH)
    if short := wrong_short_codes(index):
        problem("has the short codes of its entries", f"{short} are others", REPUBLISH, short)
    if wrong:
        problem("holds the embeddings of the segments", f"{wrong} are others", REPUBLISH, wrong)


def _compare(index: FaissIndex, record: IndexFile, catalog: Catalog, segments: Segments, now: Keys) -> tuple[Keys, int]:
    """The keys that an index holds, and how many entries differ from the embeddings that are there now."""
    most = float(record.parameters.get("error", ERRORS.get(record.kind, 0.0)))
    held, wrong = [np.zeros(0, dtype=np.int64)], 0
    try:
        for keys, entries in contents_of(index):
            held.append(keys)
            rows = {row.key: row for row in catalog.rows_of(keys[np.isin(keys, now)].tolist())}
            places = [place for place, key in enumerate(keys.tolist()) if key in rows]
            halves, damaged = segments.checked([rows[int(keys[place])] for place in places])
            bad = {row.key for row in damaged}  # found with the segments already
            vectors = halves.astype(np.float32)
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
            far = np.linalg.norm(entries[places] - vectors, axis=1) > most
            wrong += sum(bool(one) and int(keys[place]) not in bad for one, place in zip(far, places, strict=True))
    finally:
        segments.close()
    return np.concatenate(held), wrong
