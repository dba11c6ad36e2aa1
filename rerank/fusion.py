"""How a verdict and stage one's similarity become one score."""

from __future__ import annotations


def fuse(entailment: float, similarity: float | None, weight: float) -> float:
    """The score that a judged candidate is ordered by.

    ``weight`` 1 is the entailment alone, 0 the similarity (cosine, -1..1) alone. Without a similarity
    there is nothing to fuse, and the entailment stands.
    """
    if similarity is None or weight == 1.0:
        return entailment
    return weight * entailment + (1.0 - weight) * similarity
