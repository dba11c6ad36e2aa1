"""Audits: a verdict for every row of a table of pictures and texts, and reports of it.

``audit`` does all of it; ``Table``, ``Journal``, ``judge_rows``, ``fit_policy`` and ``write_reports`` are its steps.
"""

from rerank.audit.columns import Columns
from rerank.audit.finding import PictureFinder
from rerank.audit.fitting import FittedPolicy, Fitting
from rerank.audit.journal import Journal, read_thumbnail, remove_journal
from rerank.audit.policy import Policy
from rerank.audit.reports import SUFFIXES, check_outputs
from rerank.audit.run import Options, fit_policy, judge_rows, write_reports
from rerank.audit.summary import Summary
from rerank.audit.table import Table
from rerank.audit.types import AuditCancelled, AuditedRow, AuditRow, Decision, Judge, Language, Outcome
from rerank.audit.whole import audit, journal_beside, journal_key

__all__ = [
    "SUFFIXES",
    "AuditCancelled",
    "AuditRow",
    "AuditedRow",
    "Columns",
    "Decision",
    "FittedPolicy",
    "Fitting",
    "Journal",
    "Judge",
    "Language",
    "Options",
    "Outcome",
    "PictureFinder",
    "Policy",
    "Summary",
    "Table",
    "audit",
    "check_outputs",
    "fit_policy",
    "journal_beside",
    "journal_key",
    "judge_rows",
    "read_thumbnail",
    "remove_journal",
    "write_reports",
]
