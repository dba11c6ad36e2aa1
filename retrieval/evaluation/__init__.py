"""How well a collection answers: recall, rank and nDCG of the right images, before and after reranking."""

from retrieval.evaluation.captions import Caption, Columns, Problem, read_captions
from retrieval.evaluation.judgements import Judgements, Query, group_queries, read_judgements
from retrieval.evaluation.metrics import METRICS, TITLES
from retrieval.evaluation.report import Comparison, Report, SetReport, evaluate

__all__ = [
    "METRICS",
    "TITLES",
    "Caption",
    "Columns",
    "Comparison",
    "Judgements",
    "Problem",
    "Query",
    "Report",
    "SetReport",
    "evaluate",
    "group_queries",
    "read_captions",
    "read_judgements",
]
