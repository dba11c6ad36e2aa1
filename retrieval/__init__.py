"""Veralens' first stage and the search engine: encoder, collections on disk, candidates, hits."""

from retrieval.collection import Collection
from retrieval.encoder import ClipEncoder, load_encoder
from retrieval.engine import SearchEngine
from retrieval.types import CollectionInfo, Encoder, EncoderRecord, Hit, ImageRecord, Neighbour, SearchResult, Timings

__all__ = [
    "ClipEncoder",
    "Collection",
    "CollectionInfo",
    "Encoder",
    "EncoderRecord",
    "Hit",
    "ImageRecord",
    "Neighbour",
    "SearchEngine",
    "SearchResult",
    "Timings",
    "load_encoder",
]
