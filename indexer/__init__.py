"""The indexer: folders of images into a collection, again and again."""

from indexer.pipeline import build_collection
from indexer.precompute import TokenPlan
from indexer.progress import Progress, Standing
from indexer.report import Failure, IndexReport
from indexer.watch import watch_collection

__all__ = ["Failure", "IndexReport", "Progress", "Standing", "TokenPlan", "build_collection", "watch_collection"]
