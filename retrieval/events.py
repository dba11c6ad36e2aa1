"""What a search tells of itself while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from retrieval.ranking import Place
from retrieval.types import CollectionInfo, Hit


@dataclass(frozen=True)
class Found:
    """Stage one is done: every candidate as a hit, by similarity; or the page that a cursor leads to."""

    hits: tuple[Hit, ...]
    collection: CollectionInfo


@dataclass(frozen=True)
class Judged:
    """The reranker has read some more: their places, not in order; ``judged`` of ``of`` are done, failures included."""

    places: Sequence[Place]
    judged: int
    of: int


Watch = Callable[[Found | Judged], None]
