"""Audits over the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from api.schemas import Answer, Document
from rerank.audit import AuditedRow, Decision, Language, Summary
from rerank.preparation import Preparation
from rerank.types import Label

State = Literal["queued", "running", "done", "failed", "cancelled"]
Format = Literal["xlsx", "csv", "jsonl", "html"]
FORMATS: tuple[Format, ...] = ("xlsx", "csv", "jsonl", "html")
Threshold = Annotated[float, Field(ge=0.0, le=1.01)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
EXAMPLE_ROWS: list[JsonValue] = [
    {"image": "data:image/png;base64,iVBORw0KGgo…", "text": "blue denim jeans"},
    {"image": "img_0123456789abcdef0123", "text": "a red dress", "premise": None, "expected": "no"},
]
EXAMPLE_ID = "aud_6f1d2a90c4b85e37d0a1"


class PolicyDocument(Document):
    """From verdicts to decisions; ``fit_precision`` fits the first two thresholds from rows with an expected label."""

    accept_above: Threshold = Field(default=0.5, description="the least entailment that is accepted")
    reject_above: Threshold = Field(default=0.5, description="the least contradiction that is rejected")
    reject_below: Threshold = Field(default=0.0, description="entailment below this is rejected as well")
    fit_precision: Annotated[float, Field(gt=0.0, le=1.0)] | None = Field(
        default=None,
        description="fit the thresholds to this precision, such as 0.95, from the rows with an expected label",
    )


class AuditOptions(Document):
    """How a table is read, and how it is audited."""

    image_column: Name = "image"
    text_column: Name = "text"
    premise_column: Name | None = Field(default=None, description="premise where the table has such a column")
    expected_column: Name | None = Field(default=None, description="expected where the table has such a column")
    lang: Language = Field(default="en", description="the language of the reports")
    policy: PolicyDocument = PolicyDocument()
    prepare: Preparation = Field(default="stretch", description="how pictures become square")


class RowDocument(BaseModel):
    """One row; other fields are carried through."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    image: str = Field(description="a data URI, or the id of an image of the collection")
    text: str
    premise: str | None = None
    expected: str | None = Field(default=None, description="entailment, neutral or contradiction; yes, maybe or no")


class AuditRequest(Document):
    """The JSON body of ``POST /v1/audits``."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rows": EXAMPLE_ROWS, "lang": "en"}]})

    rows: Annotated[list[RowDocument], Field(min_length=1)]
    lang: Language = "en"
    policy: PolicyDocument = PolicyDocument()
    prepare: Preparation = "stretch"

    def options(self) -> AuditOptions:
        """What is not the rows."""
        return AuditOptions(lang=self.lang, policy=self.policy, prepare=self.prepare)


class CountsDocument(Answer):
    """How many rows have which verdict, or none."""

    entailment: int = 0
    neutral: int = 0
    contradiction: int = 0
    failed: int = 0


class DecisionsDocument(Answer):
    """How many rows are to be accepted, looked at, or rejected."""

    accept: int = 0
    review: int = 0
    reject: int = 0


class ReportsDocument(Answer):
    """Where the reports are once the audit is done; None before."""

    xlsx: str | None = None
    csv: str | None = None
    jsonl: str | None = None
    html: str | None = None


class MismatchDocument(Answer):
    """A row whose picture and text do not go together."""

    row: int
    text: str
    label: Label
    entailment: float
    neutral: float
    contradiction: float
    decision: Decision
    thumbnail_url: str

    @classmethod
    def of(cls, audit_id: str, audited: AuditedRow) -> MismatchDocument:
        """The document of a judged row."""
        verdict = audited.outcome.verdict
        assert verdict is not None
        assert audited.decision is not None
        return cls(
            row=audited.row.number,
            text=audited.row.text,
            label=verdict.label,
            entailment=verdict.entailment,
            neutral=verdict.neutral,
            contradiction=verdict.contradiction,
            decision=audited.decision,
            thumbnail_url=f"/v1/audits/{audit_id}/thumbnails/{audited.row.number}",
        )


class FailureDocument(Answer):
    """A row that could not be judged, and why."""

    row: int
    reason: str


class AuditResponse(Answer):
    """An audit as it stands."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **{"id": EXAMPLE_ID, "state": "done", "rows": 3, "done": 3, "created": "2026-11-22T13:00:00Z"},
                    "counts": {"entailment": 1, "neutral": 0, "contradiction": 1, "failed": 1},
                    "decisions": {"accept": 1, "review": 0, "reject": 1},
                    **{"error": None, "model": "bundled", "notes": []},
                    "reports": {one: f"/v1/audits/{EXAMPLE_ID}/report.{one}" for one in FORMATS},
                    "mismatches": [
                        {
                            **{"row": 2, "text": "a red dress", "label": "contradiction", "decision": "reject"},
                            **{"entailment": 0.02, "neutral": 0.03, "contradiction": 0.95},
                            "thumbnail_url": f"/v1/audits/{EXAMPLE_ID}/thumbnails/2",
                        }
                    ],
                    "failures": [{"row": 3, "reason": "image does not exist"}],
                }
            ]
        }
    )

    id: str
    state: State
    rows: int = Field(description="rows of the table")
    done: int = Field(description="rows judged or failed so far")
    counts: CountsDocument = CountsDocument()
    decisions: DecisionsDocument = DecisionsDocument()
    created: str = Field(description="when it was asked for, RFC 3339 in UTC")
    error: str | None = Field(default=None, description="why it failed as a whole")
    reports: ReportsDocument = ReportsDocument()
    mismatches: list[MismatchDocument] = Field(default=[], description="the first 200, in the table's order")
    failures: list[FailureDocument] = Field(default=[], description="the first 200")
    model: str | None = None
    accuracy: float | None = Field(default=None, description="of the rows with an expected label")
    policy: dict[str, Any] | None = Field(
        default=None, description="the thresholds in use; how they were fitted, if they were"
    )
    notes: list[str] = Field(default=[], description="what is to be known about how the table was read")

    def with_summary(self, summary: Summary) -> AuditResponse:
        """The same with what is known of the rows."""
        said = summary.to_dict()
        return self.model_copy(
            update={
                "done": summary.rows,
                "counts": CountsDocument(**summary.counts),
                "decisions": DecisionsDocument(**summary.decisions),
                "mismatches": [MismatchDocument.of(self.id, one) for one in summary.first_mismatches],
                "failures": [
                    FailureDocument(row=one.row.number, reason=one.outcome.problem or "")
                    for one in summary.first_failures
                ],
                "model": summary.model,
                "accuracy": summary.accuracy,
                "policy": said["policy"] | ({"fitted": said["fitted"]} if said["fitted"] else {}),
                "notes": [*summary.notes, *(summary.fitted.warnings if summary.fitted else ())],
            }
        )
