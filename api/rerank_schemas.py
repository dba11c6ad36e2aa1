"""What rerank requests and answers look like, in Cohere's, Jina's and TEI's shapes."""

from __future__ import annotations

import math
from typing import Annotated, Any, Self
from uuid import uuid4

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from api.documents import looks_like_image
from api.schemas import Answer, Document, Text
from rerank.types import Entailment, Label, RankedCandidate, Ranking

PICTURE = "data:image/jpeg;base64,…"
# Cohere counts a search unit for each query with up to 100 documents.
UNIT = 100
CLOSEST = 1e-7


def _words(value: object) -> object:
    """A query's words: Jina wraps them as ``{"text": …}``, and takes pictures, which are not searched for here."""
    if isinstance(value, dict) and set(value) == {"text"}:
        value = value["text"]
    if isinstance(value, dict) or (isinstance(value, str) and looks_like_image(value)):
        raise ValueError("must be words: pictures are judged by a text here; send them, or their ids, in documents")
    return value


class RerankDocument(BaseModel):
    """A picture to be judged: ``image``, or the ``id`` of one of the collection; other fields are kept."""

    model_config = ConfigDict(extra="allow")

    image: str | None = Field(None, description="a data URI, or the base64 of an image file; URLs are not fetched")
    id: str | None = Field(None, description="an image of the collection; its caption is its premise")
    caption: str | None = Field(None, description="what is known of the picture beside its pixels")
    text: str | None = Field(None, description="the same under Jina's name")


Query = Annotated[Text, BeforeValidator(_words, json_schema_input_type=Text)]
# Looked at one by one, later: a bad one must not fail the others.
AnyDocument = Annotated[Any, PlainValidator(lambda value: value, json_schema_input_type=str | RerankDocument)]
AnyText = Annotated[Any, PlainValidator(lambda value: value, json_schema_input_type=str)]
Ignored = Annotated[Any, Field(description="taken for the sake of other services' clients, and ignored")]


class RerankRequest(Document):
    """The body of a rerank: a query, and either ``documents`` (Cohere, Jina) or ``texts`` (TEI)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"query": "blue denim jeans", "documents": [{"image": PICTURE}, {"id": "img_…"}], "top_n": 1},
            ]
        }
    )

    query: Query = Field(description="what the pictures should show")
    documents: list[AnyDocument] | None = Field(
        None, min_length=1, description="pictures, or strings that are data URIs or image ids"
    )
    texts: list[AnyText] | None = Field(
        None, min_length=1, description="TEI's name: data URIs or image ids; the answer is then TEI's array"
    )
    top_n: Annotated[int, Field(ge=1)] | None = Field(None, description="how many results come back; null: all")
    return_documents: bool | None = Field(None, description="whether each result holds its document as it was sent")
    deadline_ms: Annotated[float, Field(gt=0)] | None = Field(None, description="when to stop judging")
    return_text: bool = Field(False, description="TEI's return_documents")
    raw_scores: bool = Field(False, description="TEI's: the logit of the probability rather than the probability")

    model: Ignored = None
    max_chunks_per_doc: Ignored = None
    max_tokens_per_doc: Ignored = None
    rank_fields: Ignored = None
    relevant_spans: Ignored = None
    priority: Ignored = None
    truncate: Ignored = None
    truncation_direction: Ignored = None


class VerdictDocument(Answer):
    """Three probabilities that sum to 1, and the largest's name."""

    entailment: float
    neutral: float
    contradiction: float
    label: Label

    @classmethod
    def of(cls, verdict: Entailment) -> Self:
        """The document of a verdict."""
        return cls(
            entailment=verdict.entailment,
            neutral=verdict.neutral,
            contradiction=verdict.contradiction,
            label=verdict.label,
        )


class RerankResult(Answer):
    """One judged document; ``relevance_score`` is the probability that it entails the query."""

    index: int = Field(description="the document's place in the request, from 0")
    relevance_score: float
    entailment: VerdictDocument
    document: dict[str, Any] | None = Field(
        default=None, description="as it was sent, where return_documents asks for it"
    )


class DocumentError(Answer):
    """A document that was not judged, and why."""

    index: int
    detail: str


class Usage(Answer):
    """Jina's; nothing is billed here, and tokens are not counted."""

    total_tokens: int = 0
    images: int = Field(description="how many pictures were judged")


class ApiVersion(Answer):
    """Cohere's."""

    version: str


class BilledUnits(Answer):
    """What Cohere would count."""

    search_units: int


class Meta(Answer):
    """Cohere's."""

    api_version: ApiVersion
    billed_units: BilledUnits


class RerankResponse(Answer):
    """Documents by falling relevance; those that could not be judged are in ``errors``."""

    id: str
    model: str
    results: list[RerankResult]
    errors: list[DocumentError]
    degraded: str | None = Field(description="why some were not judged, where the deadline came first")
    usage: Usage
    meta: Meta


class TextRank(Answer):
    """One text in TEI's answer; one that could not be judged comes last, with its ``error``."""

    index: int
    score: float
    text: str | None = Field(default=None, description="as it was sent, where return_text asks for it")
    error: str | None = Field(default=None, description="why it was not judged; its score then says nothing")


def cohere_answer(
    request: RerankRequest, documents: list[Any], ranking: Ranking, errors: dict[int, str], model: str, version: str
) -> RerankResponse:
    """The answer to ``documents``; the ids of ``ranking`` are their positions, as are the keys of ``errors``."""
    results = [_result(request, documents, one) for one in ranking if one.verdict is not None]
    judged = len(documents) - len(errors)
    units = math.ceil(len(documents) / UNIT)
    return RerankResponse(
        id=str(uuid4()),
        model=model,
        results=results,
        errors=[DocumentError(index=index, detail=errors[index]) for index in sorted(errors)],
        degraded=ranking.degraded,
        usage=Usage(total_tokens=0, images=judged),
        meta=Meta(api_version=ApiVersion(version=version), billed_units=BilledUnits(search_units=units)),
    )


def tei_answer(request: RerankRequest, texts: list[Any], ranking: Ranking, errors: dict[int, str]) -> list[TextRank]:
    """TEI's answer to ``texts``: its clients count on one entry for each of them, so those that failed come last."""
    ranks = []
    for one in ranking:
        if one.verdict is not None:
            index, probability = int(one.id), one.verdict.entailment
            ranks.append(TextRank(index=index, score=_logit(probability) if request.raw_scores else probability))
    lowest = _logit(0.0) if request.raw_scores else 0.0
    ranks += [TextRank(index=index, score=lowest, error=errors[index]) for index in sorted(errors)]
    if request.return_text:
        for rank in ranks:
            if isinstance(text := texts[rank.index], str):
                # What failed may have failed for half a surrogate pair, which no answer can carry.
                rank.text = text.encode("utf-8", "replace").decode()
    return ranks


def _result(request: RerankRequest, documents: list[Any], one: RankedCandidate) -> RerankResult:
    assert one.verdict is not None
    index = int(one.id)
    verdict = VerdictDocument.of(one.verdict)
    result = RerankResult(index=index, relevance_score=verdict.entailment, entailment=verdict)
    if request.return_documents:
        sent = documents[index]
        result.document = sent if isinstance(sent, dict) else {"text": sent}
    return result


def _logit(probability: float) -> float:
    kept = min(max(probability, CLOSEST), 1.0 - CLOSEST)
    return math.log(kept / (1.0 - kept))
