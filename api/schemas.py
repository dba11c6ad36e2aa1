"""What goes over the wire, as the contract fixes it. The command line prints the same documents."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from rerank.types import Entailment, Label
from retrieval.types import CollectionInfo

MAX_TEXT = 2_000


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT)]
MAX_DEADLINE_MS = 600_000
DeadlineMs = Annotated[float, Field(ge=1, le=MAX_DEADLINE_MS)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Answer(BaseModel):
    """Base of what is sent."""


class Document(BaseModel):
    """Base of what is received: unknown fields are refused, NaN and infinities too."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class PictureDocument(Document):
    """Base of JSON bodies about one picture: exactly one of ``image`` and ``image_url``."""

    image: str | None = Field(None, description="a data URI, or the id of an image of the collection")
    image_url: str | None = Field(None, description="the picture's URL, where the service fetches URLs")


class EntailmentForm(Document):
    """The text fields of the multipart form of ``POST /v1/entailment``."""

    text: Text = Field(description="the statement to hold against the picture")
    premise: Text | None = Field(None, description="what is known of the picture beside its pixels")
    deadline_ms: DeadlineMs | None = Field(None, description="how long the verdict may be waited for, else 503")


class EntailmentRequest(EntailmentForm, PictureDocument):
    """The JSON body of ``POST /v1/entailment``."""


class EntailmentResponse(Answer):
    """A verdict: three probabilities that sum to 1, and the largest's name."""

    label: Label
    entailment: float
    neutral: float
    contradiction: float
    model: str

    @classmethod
    def of(cls, verdict: Entailment, model: str) -> Self:
        """The document of a verdict by ``model``."""
        return cls(label=verdict.label, **asdict(verdict), model=model)


class EncoderDocument(Answer):
    """The encoder that a collection was built with."""

    name: str
    dimension: int
    fingerprint: str


class CollectionDocument(Answer):
    """What is in a collection."""

    name: str
    images: int
    generation: int
    encoder: EncoderDocument
    index: str
    roots: list[str]
    bytes: int
    examples: list[str] = []

    @classmethod
    def of(cls, info: CollectionInfo, examples: tuple[str, ...] = ()) -> Self:
        """The document of a collection; ``examples`` are queries worth trying on it."""
        fields = asdict(info) | {"roots": [shown_path(root) for root in info.roots]}
        return cls(**fields, examples=list(examples))


class ModelsDocument(Answer):
    """The models that serve."""

    encoder: EncoderDocument
    reranker: str | None


class Health(Answer):
    """The state of the service."""

    status: str


class FieldError(Answer):
    """One field that is wrong."""

    field: str
    detail: str
    pointer: str | None = None
    place: str | None = Field(None, alias="in")


class ProblemDocument(Answer):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] = []
    request_id: str | None = Field(None, description="the answer's X-Request-ID, which the server's log names, too")


def shown_path(path: str) -> str:
    """A path as text that JSON can carry: bytes that are not UTF-8 become replacement characters."""
    return os.fsencode(path).decode("utf-8", "replace")
