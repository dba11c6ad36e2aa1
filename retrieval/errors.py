"""The errors of collections, beside those of ``rerank.errors``.

VeralensError
├── CollectionError
│   ├── CollectionNotFound   no collection at that path
│   ├── CollectionLocked     another process is writing; the message names it
│   ├── CollectionDamaged    a file of the collection fails its check; the message names file and remedy
│   ├── EncoderMismatch      the collection was built with another encoder
│   │   └── EncoderChanged   it was re-embedded while it was open; open it again
│   └── GenerationNotReached the state that was asked for has not been committed yet
├── ImageNotFound            no image of that id in the collection
└── InputError
    ├── FilterError          a filter that cannot be read; says at which character and why
    └── CursorError          a cursor that leads nowhere any more, or belongs to another search
"""

from __future__ import annotations

from rerank.errors import InputError, VeralensError


class CollectionError(VeralensError):
    """A collection that cannot be used as asked."""


class CollectionNotFound(CollectionError):
    """No collection at that path."""


class CollectionLocked(CollectionError):
    """Another process holds the collection's writing lock."""


class CollectionDamaged(CollectionError):
    """A file of the collection is missing, cut short or altered."""


class EncoderMismatch(CollectionError):
    """The collection's embeddings come from another encoder."""


class EncoderChanged(EncoderMismatch):
    """The collection was re-embedded by another encoder while it was open."""


class GenerationNotReached(CollectionError):
    """The state that was asked for has not been committed yet."""


class ImageNotFound(VeralensError):
    """No image of that id in the collection."""


class FilterError(InputError):
    """A filter expression that cannot be read; ``position`` counts its characters from 1."""

    field = "filter"

    def __init__(self, message: str, position: int = 1) -> None:
        super().__init__(message)
        self.position = position


class CursorError(InputError):
    """A cursor that has expired, was altered, or belongs to another search."""

    field = "cursor"
