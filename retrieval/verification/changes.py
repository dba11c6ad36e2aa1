"""The log's promises: no number missing or used again, and it leads to what is there."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from retrieval.bitmaps import Keys
from retrieval.catalog import CATALOG_FILE, Catalog, Change
from retrieval.verification.findings import REBUILD, Findings

PUBLISH = "run `veralens compact`, which begins the log anew"


def verify_log(directory: Path, catalog: Catalog, findings: Findings) -> None:
    """Numbers follow on one another; what was added and not removed is there, what was removed is not."""
    del directory
    problem = partial(findings.problem, CATALOG_FILE)
    first = catalog.first_change()
    changes = catalog.changes(first - 1)
    findings.looked_at("changes", len(changes))
    numbers = np.array([change.generation for change in changes], dtype=np.int64)
    if len(numbers) and (numbers[0] != first or (np.diff(numbers) != 1).any()):
        problem("no change is missing from the log", f"{len(numbers)} between {first} and {numbers[-1]}", PUBLISH)
    given = catalog.connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'op'").fetchone()
    if catalog.generation() > (given[0] if given else 0):
        problem("generations never repeat", f"the last is {catalog.generation()}, given were {given}", REBUILD)
    added, removed = (keys_of_kind(changes, kind) for kind in ("add", "remove"))
    there = image_keys(catalog)
    if len(np.unique(added)) != len(added) or len(np.unique(removed)) != len(removed):
        problem("an image is added once and removed once", "one key is there twice", PUBLISH)
    lost = np.setdiff1d(np.setdiff1d(added, removed), there)
    if len(lost):
        problem("what was added is there", f"key {lost[0]} is not", REBUILD, len(lost))
    back = np.intersect1d(removed, there)
    if len(back):
        problem("what was removed is not there", f"key {back[0]} is", PUBLISH, len(back))
    if first == 1:
        unheard = np.setdiff1d(there, added)
        if len(unheard):
            problem("every image is in the log", f"key {unheard[0]} is not", PUBLISH, len(unheard))


def image_keys(catalog: Catalog) -> Keys:
    """The keys of all images, rising."""
    found = catalog.connection.execute("SELECT key FROM image ORDER BY key")
    return np.fromiter((row[0] for row in found), dtype=np.int64)


def keys_of_kind(changes: list[Change], kind: str) -> Keys:
    """The keys that changes of one kind are about."""
    return np.array([change.key for change in changes if change.kind == kind], dtype=np.int64)
