"""Veralens' second stage alone: OFA visual entailment as a reranker of images.

Imports nothing of the other packages, nor faiss, open_clip or fastapi, so that it can be embedded in
another search system. What needs torch or numpy is loaded when it is first asked for: processes that only
decode images do without, and start in a tenth of a second.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rerank.errors import (
    ImageError,
    ImageTooLarge,
    InputError,
    ModelError,
    ModelInvalid,
    ModelUnavailable,
    VeralensError,
)

if TYPE_CHECKING:
    from rerank.advice import Advice, advise
    from rerank.explain import Culprit, Explanation, Part, Regions
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
    "Advice",
    "Candidate",
    "Culprit",
    "Entailment",
    "EntailmentReranker",
    "Explanation",
    "ImageError",
    "ImageTokens",
    "ImageTooLarge",
    "InputError",
    "Label",
    "ModelError",
    "ModelInvalid",
    "ModelUnavailable",
    "Part",
    "RankedCandidate",
    "Ranking",
    "Regions",
    "Reranker",
    "VeralensError",
    "advise",
]

_MODULES = ("rerank.types", "rerank.advice", "rerank.explain", "rerank.reranker")


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in map(import_module, _MODULES):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
