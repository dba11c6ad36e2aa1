"""What goes over the wire, as the contract fixes it. The command line prints the same documents."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from rerank.types import Entailment, Label
from retrieval.types import CollectionInfo, Hit, SearchResult

MAX_TEXT = 2_000
# The Python interface takes more; over HTTP one request must not hold the models for minutes.
MAX_CANDIDATES = 1_000
MAX_DEADLINE_MS = 600_000


def _not_yet(value: object) -> None:
    if value is not None:
        raise ValueError("is not supported yet; leave it out or send null")


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT)]
Count = Annotated[int, Field(ge=1, le=MAX_CANDIDATES)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
NotYet = Annotated[None, BeforeValidator(_not_yet), Field(description="not supported yet")]


class Answer(BaseModel):
    """Base of what is sent."""


class Document(BaseModel):
    """Base of what is received: unknown fields are refused, NaN and infinities too."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class QueryField(Document):
    """A base of its own, so that the query comes first."""

    query: Text = Field(description="what the picture should show")


class LinkedQueryField(Document):
    """The same under the name that links use."""

    q: Text = Field(description="what the picture should show")


class SearchOptions(Document):
    """What both forms of a search take beside the query."""

    top_k: Count = Field(10, description="how many hits come back at most")
    candidates: Count = Field(100, description="how many images stage one hands to the reranker")
    rerank: bool = Field(True, description="whether the reranker reads the candidates; false orders by similarity")
    min_entailment: Share = Field(0.0, description="hits below this probability are left out")
    fusion_weight: Share | None = Field(
        None,
        description="1 orders by entailment, 0 by similarity, between: weighted geometric mean; null: the model's own",
    )
    deadline_ms: Annotated[float, Field(ge=1, le=MAX_DEADLINE_MS)] | None = Field(
        None, description="what the search may take, in the queue too; what is not judged by then comes last, unjudged"
    )

    def options(self) -> dict[str, Any]:
        """The keyword arguments of ``SearchEngine.search``."""
        return {name: getattr(self, name) for name in SearchOptions.model_fields}


class SearchRequest(SearchOptions, QueryField):
    """The body of ``POST /v1/search``."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "blue denim jeans", "top_k": 10}]})

    filter: NotYet = None
    cursor: NotYet = None
    image: NotYet = None
    negative: NotYet = None


class SearchParameters(SearchOptions, LinkedQueryField):
    """The query string of ``GET /v1/search``."""


class HitDocument(Answer):
    """One hit; the probabilities and the label are null when it was not reranked."""

    id: str
    path: str
    score: float
    similarity: float
    entailment: float | None
    neutral: float | None
    contradiction: float | None
    label: Label | None
    width: int
    height: int
    image_url: str
    thumbnail_url: str
    caption: str | None

    @classmethod
    def of(cls, hit: Hit) -> Self:
        """The document of a hit; the URLs are relative to the service."""
        image_url = f"/v1/images/{hit.id}"
        fields = asdict(hit) | {"path": shown_path(hit.path)}
        return cls(**fields, image_url=image_url, thumbnail_url=f"{image_url}/thumbnail")


class CollectionSummary(Answer):
    """The collection that was searched."""

    name: str
    images: int
    generation: int


class TimingsDocument(Answer):
    """Milliseconds that each stage took."""

    encode: float
    retrieve: float
    rerank: float
    total: float


class SearchResponse(Answer):
    """Ranked hits. ``degraded`` says why the reranker was skipped or cut short, where it was."""

    hits: list[HitDocument]
    reranked: bool
    degraded: str | None
    next_cursor: str | None
    collection: CollectionSummary
    took_ms: TimingsDocument

    @classmethod
    def of(cls, result: SearchResult) -> Self:
        """The document of a search's result."""
        info = result.collection
        return cls(
            hits=[HitDocument.of(hit) for hit in result.hits],
            reranked=result.reranked,
            degraded=result.degraded,
            next_cursor=None,
            collection=CollectionSummary(name=info.name, images=info.images, generation=info.generation),
            took_ms=TimingsDocument(**asdict(result.took_ms)),
        )


class EntailmentRequest(Document):
    """The JSON body of ``POST /v1/entailment``; exactly one of ``image`` and ``image_url``."""

    image: str | None = Field(None, description="a data URI, or the id of an image of the collection")
    image_url: str | None = Field(None, description="refused: this service fetches no URLs")
    text: Text = Field(description="the statement to hold against the picture")
    premise: Text | None = Field(None, description="what is known of the picture beside its pixels")


class EntailmentForm(Document):
    """The text fields of the multipart form of ``POST /v1/entailment``."""

    text: Text
    premise: Text | None = None


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


def shown_path(path: str) -> str:
    """A path as text that JSON can carry: bytes that are not UTF-8 become replacement characters."""
    return os.fsencode(path).decode("utf-8", "replace")
