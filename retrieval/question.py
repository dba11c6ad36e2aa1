"""What is asked of a search engine, checked before anything is computed."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from rerank.errors import InputError
from rerank.types import ImageSource
from retrieval.filters import Filter, parse_filter

MAX_CANDIDATES = 10_000
MAX_QUERY = 2_000
# Copies of one photo, scaled or compressed again, lie above; different photos of one scene mostly below.
DUPLICATES = 0.96
_IMAGE_ID = re.compile(r"img_[0-9a-f]{20}")

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to look for, and how; the fields are the arguments of ``SearchEngine.search``."""

    query: str = ""
    image: ImageSource | None = None
    image_weight: float = 0.4
    negative: str | None = None
    filter: str | None = None
    top_k: int = 10
    candidates: int = 100
    rerank: bool = True
    min_entailment: float = 0.0
    fusion_weight: float | None = None
    group_duplicates: bool | float = False
    exact: bool = False
    deadline_ms: float | None = None

    def __post_init__(self) -> None:
        if not self.query.strip() and self.image is None:
            raise InputError("query is empty; say what the picture should show, or give an image")
        for name, text in (("query", self.query), ("negative", self.negative or "")):
            if len(text) > MAX_QUERY:
                raise InputError(f"{name} has {len(text)} characters; at most {MAX_QUERY} are read")
        if self.negative is not None and not self.negative.strip():
            raise InputError("negative is empty; say what the picture should not show, or leave it out")
        for name, value in (("top_k", self.top_k), ("candidates", self.candidates)):
            if not 1 <= value <= MAX_CANDIDATES:
                raise InputError(f"{name} must be between 1 and {MAX_CANDIDATES}, not {value}")
        for name in ("min_entailment", "fusion_weight", "image_weight", "group_duplicates"):
            share = getattr(self, name)
            if share is not None and not 0.0 <= share <= 1.0:
                raise InputError(f"{name} must be between 0 and 1, not {share}")
        if self.deadline_ms is not None and not self.deadline_ms > 0.0:
            raise InputError(f"deadline_ms must be above 0, not {self.deadline_ms}")
        _ = self.where

    @property
    def where(self) -> Filter | None:
        """The filter, read; FilterError when it cannot be."""
        return None if self.filter is None else parse_filter(self.filter)

    @property
    def image_id(self) -> str | None:
        """The id of the image asked with, where it is one of the collection's."""
        return self.image if isinstance(self.image, str) and _IMAGE_ID.fullmatch(self.image) else None

    @property
    def breadth(self) -> int:
        """How many images stage one looks for."""
        return max(self.top_k, self.candidates)

    @property
    def threshold(self) -> float | None:
        """From which cosine on two hits are duplicates of each other; None to leave them apart."""
        if isinstance(self.group_duplicates, bool):
            return DUPLICATES if self.group_duplicates else None
        return self.group_duplicates

    def identity(self) -> str:
        """Equal for two questions of one ranking: how it is cut and how long it may take do not matter."""
        picture = self.image_id or (None if self.image is None else _fingerprint(self.image))
        same = replace(
            self,
            query=self.query.strip() or "-",
            image=None,
            image_weight=0.0 if self.image is None else self.image_weight,
            top_k=1,
            candidates=self.breadth,
            deadline_ms=None,
        )
        return hashlib.sha256(repr((same, picture)).encode("utf-8", "backslashreplace")).hexdigest()


def _fingerprint(image: ImageSource) -> str:
    """Equal for two images given in the same way; nothing is decoded for it."""
    if isinstance(image, str | os.PathLike):
        return os.fspath(image)
    data = image if isinstance(image, bytes) else image.tobytes()
    return hashlib.sha256(data).hexdigest()
