"""What ``/v1/explain`` and ``/v1/advice`` take and give."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StringConstraints

from api.schemas import MAX_TEXT, Answer, DeadlineMs, Document, PictureDocument, Share, Text
from rerank.advice import Advice, AdviceKind
from rerank.explain import Explanation, PartKind, Regions
from rerank.types import Label


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("must hold more than white space")
    return text


# Not stripped as other texts are: offsets are into the text as it was sent.
WholeText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT), AfterValidator(_said)]
NO_REGIONS = "the deadline came before it was found where in the picture the evidence lies"
AnyText = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
_PLACE = "offset in Unicode code points of the text as it was sent"
_SENT: dict[str, JsonValue] = {
    "image": "data:image/jpeg;base64,/9j/4AAQ…",
    "text": "red denim jeans",
    "premise": None,
    "regions": False,
    "deadline_ms": None,
}
_GIVEN: dict[str, JsonValue] = {
    "label": "contradiction", "entailment": 0.003, "neutral": 0.001, "contradiction": 0.996, "model": "bundled",
    "parts": [
        {"kind": "item", "text": "red denim jeans", "start": 0, "end": 15, "hypothesis": "red denim jeans",
         "item": None, "label": "contradiction", "entailment": 0.003, "neutral": 0.001, "contradiction": 0.996},
        {"kind": "attribute", "text": "red", "start": 0, "end": 3, "hypothesis": "red jeans", "item": 0,
         "label": "contradiction", "entailment": 0.004, "neutral": 0.001, "contradiction": 0.995},
    ],
    "culprits": [{"text": "red", "start": 0, "end": 3, "cost": 0.99}],
    "regions": None, "degraded": None,
}  # fmt: skip


class ExplainForm(Document):
    """The text fields of the multipart form of ``POST /v1/explain``."""

    text: WholeText = Field(description="the statement to hold against the picture")
    premise: Text | None = Field(None, description="what is known of the picture beside its pixels")
    regions: bool = Field(False, description="whether to find where in the picture the evidence lies, too")
    deadline_ms: DeadlineMs | None = Field(
        None, description="how long the explanation may be waited for: after it regions are left out, or 503"
    )


class ExplainRequest(ExplainForm, PictureDocument):
    """The JSON body of ``POST /v1/explain``."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SENT]})


class PartDocument(Answer):
    """A part of the text and the verdict on it; ``text`` is ``start`` to ``end`` of the text that was sent."""

    kind: PartKind
    text: str
    start: int = Field(description=_PLACE)
    end: int = Field(description=_PLACE)
    hypothesis: str = Field(description="what was held against the picture for it")
    item: int | None = Field(description="for a thing or an attribute, its item's place in parts")
    label: Label
    entailment: float
    neutral: float
    contradiction: float


class CulpritDocument(Answer):
    """Words that are not in the picture, and how much of the entailment they take away."""

    text: str
    start: int = Field(description=_PLACE)
    end: int = Field(description=_PLACE)
    cost: Share


class RegionsDocument(Answer):
    """Where the evidence lies: a grid over the picture, ``values[row][column]``, 0 least and 1 most."""

    rows: int
    columns: int
    values: list[list[Share]]

    @classmethod
    def of(cls, regions: Regions) -> Self:
        """The document of a heat map."""
        values = [[round(value, 4) for value in row] for row in regions.values.tolist()]
        return cls(rows=regions.rows, columns=regions.columns, values=values)


class ExplainResponse(Answer):
    """The verdict on the text, on its parts, and the words at fault, worst first."""

    model_config = ConfigDict(json_schema_extra={"examples": [_GIVEN]})

    label: Label
    entailment: float
    neutral: float
    contradiction: float
    model: str
    parts: list[PartDocument]
    culprits: list[CulpritDocument]
    regions: RegionsDocument | None
    degraded: str | None = Field(
        description="why regions were asked for and are missing, where the deadline came first"
    )

    @classmethod
    def of(cls, explanation: Explanation, model: str, *, regions: bool) -> Self:
        """The document of an explanation by ``model``; ``regions``: whether they were asked for."""
        parts = [
            PartDocument(
                kind=part.kind, text=part.text, start=part.start, end=part.end, hypothesis=part.hypothesis,
                item=part.item, label=part.verdict.label, **asdict(part.verdict),
            )
            for part in explanation.parts
        ]  # fmt: skip
        return cls(
            label=explanation.verdict.label,
            **asdict(explanation.verdict),
            model=model,
            parts=parts,
            culprits=[CulpritDocument(**asdict(culprit)) for culprit in explanation.culprits],
            regions=None if explanation.regions is None else RegionsDocument.of(explanation.regions),
            degraded=NO_REGIONS if regions and explanation.regions is None else None,
        )


class AdviceDocument(Answer):
    """A stretch of the text that cannot be verified by looking, and what to do about it."""

    kind: AdviceKind
    start: int = Field(description=_PLACE)
    end: int = Field(description=_PLACE)
    message: str

    @classmethod
    def of(cls, advice: Advice) -> Self:
        """The document of one piece of advice."""
        return cls(**asdict(advice))


class AdviceResponse(Answer):
    """Advice on a text, in its order; empty where there is nothing to say."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"advice": [{"kind": "opinion", "start": 2, "end": 11, "message": "“beautiful” is an opinion …"}]}
            ]
        }
    )

    advice: list[AdviceDocument]
