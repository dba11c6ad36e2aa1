"""How a verdict and stage one's similarity become one score: a logarithmic opinion pool.

    score = entailment ** w · exp(scale · (similarity - best)) ** (1 - w)

A CLIP model is trained so that ``scale · similarity`` is the log of how likely a picture is, up to what
all pictures have in common: relative to the best candidate that is a number in 0..1, like the
entailment. Their weighted geometric mean (Genest & Zidek, 1986) adds in log space, where a difference
of similarities means the same wherever it lies. A weighted sum does not: cosines of one query differ by
.1 where probabilities differ by 1, and a reranker that is sure of something wrong outweighs any of
them. Measured on the first bundled pair, for one gain on unseen drawings (R@1 .86 to .93): a sum (weight
.05) lost 2 of 80 first places on emoji and clip-art, the pool (weight .1) none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

# OpenAI's CLIP and its successors end their training at this scale of the cosine (`logit_scale`).
CLIP_SCALE = 100.0
# What even a sure "no" leaves, so that it is not a veto against a similarity far ahead of all others.
FLOOR = 1e-3


class Fusion:
    """The scores of one ranking; ``similarities`` are those of all its candidates, judged or not."""

    def __init__(self, weight: float, similarities: Sequence[float | None], scale: float = CLIP_SCALE) -> None:
        known = [similarity for similarity in similarities if similarity is not None]
        # Without similarities there is nothing to fuse.
        self.weight = weight if known else 1.0
        self._best, self._least = (max(known), min(known)) if known else (0.0, 0.0)
        self._scale = scale

    def score(self, entailment: float, similarity: float | None) -> float:
        """What a candidate is ordered by, 0..1: its entailment at weight 1, its relative likelihood at 0.

        A candidate without a similarity among others that have one counts as the least similar.
        """
        if self.weight == 1.0:
            return entailment
        behind = (self._least if similarity is None else similarity) - self._best
        log = self.weight * math.log(max(entailment, FLOOR)) + (1.0 - self.weight) * self._scale * behind
        return math.exp(log)
