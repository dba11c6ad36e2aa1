"""The errors of collections, beside those of ``rerank.errors``.

VeralensError
├── CollectionError
│   ├── CollectionNotFound   no collection at that path
│   ├── CollectionLocked     another process is writing; the message names it
│   ├── CollectionDamaged    a file of the collection fails its check; the message names file and remedy
│   └── EncoderMismatch      the collection was built with another encoder
└── ImageNotFound            no image of that id in the collection
"""

from __future__ import annotations

from rerank.errors import VeralensError


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


class ImageNotFound(VeralensError):
    """No image of that id in the collection."""
