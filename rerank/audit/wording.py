"""The words of reports, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rerank.audit.types import Language


@dataclass(frozen=True)
class Wording:
    """What a report calls things; ``names`` of columns, counts and decisions by their names in the code."""

    code: str
    names: Mapping[str, str]
    title: str
    summary: str
    rows: str
    failures: str
    verdicts: str
    decisions: str
    share: str
    accuracy: str
    confusion: str
    thresholds: str
    fitted: str
    contact_sheet: str
    shown: str
    no_thumbnail: str
    thumbnails_capped: str

    def __getitem__(self, name: str) -> str:
        return self.names.get(name, name)


ENGLISH = Wording(
    code="en",
    names={
        **{one: one for one in ("entailment", "neutral", "contradiction", "failed", "accept", "review", "reject")},
        **{one: one for one in ("row", "image", "text", "premise", "verdict", "decision", "expected", "problem")},
        "thumbnail": "picture",
        "correct": "as expected",
        "yes": "yes",
        "no": "no",
        "line": "line",
        "count": "rows",
        "table": "table",
        "model": "model",
        "prepare": "pictures prepared by",
        "total": "all rows",
        "note": "note",
        "precision": "precision",
        "coverage": "coverage",
        "labelled": "labelled rows",
        "held_out": "precision held out",
        "low": "at least (95 %)",
        "accept_above": "accept: entailment from",
        "reject_above": "reject: contradiction from",
        "reject_below": "reject: entailment below",
    },
    title="Audit of pictures and texts",
    summary="Summary",
    rows="Rows",
    failures="Failures",
    verdicts="Verdicts",
    decisions="Decisions",
    share="share",
    accuracy="accuracy",
    confusion="Expected (down) and verdict (across)",
    thresholds="Policy",
    fitted="Fitted policy",
    contact_sheet="Mismatches",
    shown="The first {shown:,} of {total:,} mismatches are shown; the other reports hold every row.",
    no_thumbnail="no thumbnail kept",
    thumbnails_capped="Only the first {shown:,} rows have a thumbnail.",
)
CHINESE = Wording(
    code="zh",
    names={
        "entailment": "匹配",
        "neutral": "部分相关",
        "contradiction": "不匹配",
        "failed": "失败",
        "accept": "通过",
        "review": "人工复核",
        "reject": "拒绝",
        "row": "行号",
        "thumbnail": "图片",
        "image": "图片来源",
        "text": "文本",
        "premise": "前提",
        "verdict": "判定",
        "decision": "处理",
        "expected": "期望",
        "correct": "与期望一致",
        "yes": "是",
        "no": "否",
        "problem": "问题",
        "line": "文件行",
        "count": "行数",
        "table": "表格",
        "model": "模型",
        "prepare": "图片预处理",
        "total": "总行数",
        "note": "说明",
        "precision": "精确率",
        "coverage": "覆盖率",
        "labelled": "有标注的行",
        "held_out": "留出精确率",
        "low": "下限(95 %)",
        "accept_above": "通过：匹配概率不低于",
        "reject_above": "拒绝：不匹配概率不低于",
        "reject_below": "拒绝：匹配概率低于",
    },
    title="图文匹配审核",
    summary="汇总",
    rows="明细",
    failures="失败行",
    verdicts="判定",
    decisions="处理",
    share="占比",
    accuracy="准确率",
    confusion="期望(行)与判定(列)",
    thresholds="策略",
    fitted="拟合的策略",
    contact_sheet="不匹配",
    shown="共 {total:,} 条不匹配，此处显示前 {shown:,} 条；其他报告包含所有行。",
    no_thumbnail="无缩略图",
    thumbnails_capped="仅前 {shown:,} 行附有缩略图。",
)


def wording(language: Language) -> Wording:
    """The words of a language."""
    return CHINESE if language == "zh" else ENGLISH
