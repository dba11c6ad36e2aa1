"""Veralens' second stage alone: OFA visual entailment as a reranker of images.

Imports nothing of the other packages, nor faiss, open_clip or fastapi, so that it can be embedded in
another search system.
"""

from rerank.errors import (
    ImageError,
    ImageTooLarge,
    InputError,
    ModelError,
    ModelInvalid,
    ModelUnavailable,
    VeralensError,
)
from rerank.reranker import EntailmentReranker
from rerank.types import (
    LABELS,
    Candidate,
    Entailment,
    ImageTokens,
    Label,
    RankedCandidate,
    Ranking,
    Reranker,
)

__all__ = [
    "LABELS",
    "Candidate",
    "Entailment",
    "EntailmentReranker",
    "ImageError",
    "ImageTokens",
    "ImageTooLarge",
    "InputError",
    "Label",
    "ModelError",
    "ModelInvalid",
    "ModelUnavailable",
    "RankedCandidate",
    "Ranking",
    "Reranker",
    "VeralensError",
]
