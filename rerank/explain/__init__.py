"""Why a verdict is what it is: the parts of the text, the words that are not in the picture, and where it shows."""

from rerank.explain.explaining import explaining, pairs_judged
from rerank.explain.types import Culprit, Explanation, Part, PartKind, Regions

__all__ = ["Culprit", "Explanation", "Part", "PartKind", "Regions", "explaining", "pairs_judged"]
