"""What a test looks at after a run."""

from __future__ import annotations

from pathlib import Path

from indexer import IndexReport
from retrieval.collection import Collection
from tests.fakes import ColourEncoder


def counts(report: IndexReport) -> dict[str, int]:
    """The counts that are not zero."""
    names = ("added", "updated", "moved", "removed", "unchanged")
    return {name: getattr(report, name) for name in names if getattr(report, name)}


def names_found(target: Path, text: str, k: int = 3) -> list[list[str]]:
    """For each hit, best first, the names of its files."""
    with Collection.open(target) as collection:
        hits = collection.search(ColourEncoder().encode_texts([text])[0], k)
        return [[Path(path).name for path in collection.image(hit.id).paths] for hit in hits]
