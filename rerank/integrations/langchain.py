"""LangChain: pictures that a retriever found, checked and reordered by a document compressor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import ConfigDict, Field, PrivateAttr

from rerank.errors import ImageError
from rerank.integrations.documents import Choice, candidate, keyed_image, verdict_metadata
from rerank.reranker import EntailmentReranker
from rerank.types import Candidate, RankedCandidate


class EntailmentCompressor(BaseDocumentCompressor):
    """Orders documents by the probability that their image entails the query.

    Each comes back as a copy with ``relevance_score``, ``entailment``, ``neutral``, ``contradiction`` and
    ``label`` in its metadata; one whose image cannot be read comes last, with ``error`` instead.
    """

    model_config = ConfigDict(extra="forbid")

    model: str = "bundled"
    """What is loaded: "bundled", a ModelScope id or a directory; or, to the constructor, a reranker."""
    top_n: int | None = Field(default=None, ge=1)
    """How many documents come back at most."""
    min_entailment: float = Field(default=0.0, ge=0.0, le=1.0)
    """The probability that a judged document must reach to come back."""
    image_key: str | None = "source"
    """The metadata key that holds the image or its path; None where ``page_content`` does."""
    caption_key: str | None = None
    """The metadata key of a caption, which is then judged together with the image."""
    similarity_key: str | None = None
    """The metadata key of stage one's CLIP cosine, for ``fusion_weight``."""
    fusion_weight: float = Field(default=1.0, ge=0.0, le=1.0)
    """How much the entailment counts in ``relevance_score``; the similarity has the rest (``rerank.fusion``)."""
    keep_unreadable: bool = True
    """Whether documents whose image cannot be read come last, or not at all."""

    _reranker: EntailmentReranker = PrivateAttr()

    def __init__(self, model: EntailmentReranker | str = "bundled", **options: Any) -> None:
        """Load ``model``, or use a reranker that is there already; ``options`` are the fields."""
        reranker = EntailmentReranker.from_pretrained(model) if isinstance(model, str) else model
        super().__init__(**{**options, "model": reranker.name})
        self._reranker = reranker

    def compress_documents(
        self,
        documents: Sequence[Document],
        query: str,
        callbacks: Callbacks | None = None,  # noqa: ARG002 (LangChain's signature)
    ) -> list[Document]:
        """Documents by falling relevance to ``query``; those that were handed in are left as they are."""
        ranked = self._choice().rank(self._reranker, query, self._candidates(documents))
        return [_annotated(documents[one.index], one) for one in ranked]

    async def acompress_documents(
        self,
        documents: Sequence[Document],
        query: str,
        callbacks: Callbacks | None = None,  # noqa: ARG002 (LangChain's signature)
    ) -> list[Document]:
        """``compress_documents`` off the event loop."""
        ranked = await self._choice().arank(self._reranker, query, self._candidates(documents))
        return [_annotated(documents[one.index], one) for one in ranked]

    def _choice(self) -> Choice:
        return Choice(self.top_n, self.min_entailment, self.keep_unreadable, self.fusion_weight)

    def _candidates(self, documents: Sequence[Document]) -> list[Candidate | ImageError]:
        return [
            candidate(
                index,
                document.page_content if self.image_key is None else keyed_image(document.metadata, self.image_key),
                caption=document.metadata.get(self.caption_key) if self.caption_key else None,
                similarity=document.metadata.get(self.similarity_key) if self.similarity_key else None,
            )
            for index, document in enumerate(documents)
        ]


def _annotated(document: Document, one: RankedCandidate) -> Document:
    relevance = {} if one.score is None else {"relevance_score": one.score}
    return document.model_copy(update={"metadata": {**document.metadata, **relevance, **verdict_metadata(one)}})
