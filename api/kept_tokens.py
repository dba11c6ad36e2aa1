"""What the collection keeps of pictures that a request names by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from api.engine import Shelf
from rerank.types import Candidate, ImageTokens


def with_kept_tokens(
    candidates: Sequence[Candidate], kept: Mapping[str, str], shelf: Shelf, fingerprint: str
) -> list[Candidate]:
    """``candidates``, those of ``kept`` with the image tokens that the collection keeps for this reranker."""
    ids = [kept[one.id] for one in candidates if one.id in kept]
    tokens = shelf.rerank_tokens(ids, fingerprint) if ids else {}
    return [
        replace(one, tokens=ImageTokens(tokens[kept[one.id]], fingerprint)) if kept.get(one.id) in tokens else one
        for one in candidates
    ]
