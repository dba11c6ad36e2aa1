"""A search over the wire, as the contract fixes it. The command line prints the same documents."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from api.schemas import Answer, DeadlineMs, Document, Share, Text, shown_path
from rerank.types import Label
from retrieval.filters import MAX_LENGTH, parse_filter
from retrieval.types import CollectionInfo, Hit, SearchResult

# The Python interface takes more; over HTTP one request must not hold the models for minutes.
MAX_CANDIDATES = 1_000
MAX_CURSOR = 200


def _filter(text: str) -> str:
    parse_filter(text)
    return text


Count = Annotated[int, Field(ge=1, le=MAX_CANDIDATES)]
FilterText = Annotated[str, StringConstraints(max_length=MAX_LENGTH), AfterValidator(_filter)]
Cursor = Annotated[str, StringConstraints(min_length=1, max_length=MAX_CURSOR)]
_QUERY = "what the picture should show; may be left out beside an image or a cursor"


class _Asked(Document):
    """A search needs words, an image or a cursor; ``words`` names the field that the words come in."""

    words: ClassVar[str] = "query"

    @model_validator(mode="before")
    @classmethod
    def _words_or_else(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        given, alone = data.get(cls.words), data.get("image") is None and data.get("cursor") is None
        if alone and given is None:
            return data | {cls.words: ""}  # which is refused, and by its name
        if not alone and isinstance(given, str) and not given.strip():
            return data | {cls.words: None}
        return data


class QueryField(_Asked):
    """A base of its own, so that the query comes first."""

    query: Text | None = Field(None, description=_QUERY)


class LinkedQueryField(_Asked):
    """The same under the name that links use."""

    words: ClassVar[str] = "q"

    q: Text | None = Field(None, description=_QUERY)


class SearchOptions(Document):
    """What both forms of a search take beside the query."""

    top_k: Count = Field(10, description="how many hits come back at most")
    candidates: Count = Field(
        100, description="how many images stage one hands to the reranker; also how many all pages hold together"
    )
    rerank: bool = Field(True, description="whether the reranker reads the candidates; false orders by similarity")
    min_entailment: Share = Field(0.0, description="hits below this probability are left out")
    fusion_weight: Share | None = Field(
        None,
        description="1 orders by entailment, 0 by similarity, between: weighted geometric mean; null: the model's own",
    )
    deadline_ms: DeadlineMs | None = Field(
        None, description="what the search may take, in the queue too; what is not judged by then comes last, unjudged"
    )
    min_generation: Annotated[int, Field(ge=0, le=2**53)] | None = Field(
        None, description="answer from this generation of the collection or a later one, else 503 with Retry-After"
    )
    filter: FilterText | None = Field(
        None, description='only images that this lets through, such as: folder = "2024" and width >= 1000'
    )
    negative: Text | None = Field(None, description="what the picture should not show")
    image_weight: Share = Field(0.4, description="with a query and an image, how much the image counts")
    group_duplicates: bool = Field(False, description="put hits that look the same behind the best of them")
    exact: bool = Field(
        False, description="compare with every image, also where the index looks at the likely ones only"
    )
    cursor: Cursor | None = Field(
        None, description="next_cursor of the page before; the other fields as for the first page, or left out"
    )

    def options(self) -> dict[str, Any]:
        """The keyword arguments of ``SearchEngine.search``, without the image."""
        return {name: getattr(self, name) for name in SearchOptions.model_fields}


class SearchRequest(SearchOptions, QueryField):
    """The body of ``POST /v1/search``."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "blue denim jeans", "top_k": 10}]})

    image: str | None = Field(None, description="look for what looks like this: a data URI, or the id of an image")


class SearchParameters(SearchOptions, LinkedQueryField):
    """The query string of ``GET /v1/search``."""

    image: str | None = Field(None, max_length=64, description="look for what looks like the image with this id")


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
    negative_entailment: float | None = Field(description="how probable it is that it shows what it should not")
    duplicates: list[str] = Field(description="ids of images that look the same, where that was asked for")

    @classmethod
    def of(cls, hit: Hit) -> Self:
        """The document of a hit; the URLs are relative to the service."""
        return cls(**hit_fields(hit))


def hit_fields(hit: Hit) -> dict[str, Any]:
    """The fields of a hit's document."""
    url = f"/v1/images/{hit.id}"
    urls = {"image_url": url, "thumbnail_url": f"{url}/thumbnail"}
    return vars(hit) | urls | {"path": shown_path(hit.path), "duplicates": list(hit.duplicates)}


class CollectionSummary(Answer):
    """The collection that was searched."""

    name: str
    images: int
    generation: int

    @classmethod
    def of(cls, info: CollectionInfo) -> Self:
        """The document of what is in a collection."""
        return cls(name=info.name, images=info.images, generation=info.generation)


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
        """The document of a search's result, made in one go: hit by hit it takes half as long again."""
        return cls.model_validate(
            {
                "hits": [hit_fields(hit) for hit in result.hits],
                "reranked": result.reranked,
                "degraded": result.degraded,
                "next_cursor": result.next_cursor,
                "collection": CollectionSummary.of(result.collection),
                "took_ms": vars(result.took_ms),
            }
        )
