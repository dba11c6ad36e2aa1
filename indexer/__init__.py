"""The indexer: folders of images into a collection, again and again."""

from indexer.pipeline import build_collection
from indexer.precompute import TokenPlan
from indexer.progress import Progress
from indexer.report import Failure, IndexReport

__all__ = ["Failure", "IndexReport", "Progress", "TokenPlan", "build_collection"]
