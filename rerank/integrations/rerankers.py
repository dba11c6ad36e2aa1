"""rerankers: the entailment model behind the interface that answer.ai's library gives every reranker.

Importing this module makes ``rerankers.Reranker("bundled", model_type="EntailmentRanker")`` load it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from rerankers.documents import Document
from rerankers.models import AVAILABLE_RANKERS
from rerankers.models.ranker import BaseRanker
from rerankers.results import RankedResults, Result

from rerank.errors import ImageError, InputError
from rerank.hardware import Precision
from rerank.integrations.documents import Choice, base64_image, candidate, image_source, verdict_metadata
from rerank.reranker import EntailmentReranker
from rerank.types import Candidate, RankedCandidate

Documents: TypeAlias = str | Document | Sequence[str | Document]


class EntailmentRanker(BaseRanker):
    """Ranks image documents by the probability that the image entails the query, which is their score.

    A document whose image cannot be read comes last, without a score and with ``error`` in its metadata; the
    others get ``entailment``, ``neutral``, ``contradiction`` and ``label`` there, and so as attributes of the
    ``Result``. Documents that were handed in are left as they are.
    """

    def __init__(
        self,
        model_name_or_path: str | EntailmentReranker = "bundled",
        verbose: int = 1,
        *,
        device: str | None = None,
        precision: Precision = "auto",
        min_entailment: float = 0.0,
        caption_key: str | None = None,
        keep_unreadable: bool = True,
    ) -> None:
        """Load a model.

        Args:
            model_name_or_path: "bundled", a ModelScope id, a directory, or a reranker that is there already.
            verbose: as every ranker takes it; nothing is printed here.
            device: a torch device, or None for the GPU where there is one.
            precision: "fp32", "bf16" or "auto".
            min_entailment: the probability that a judged document must reach to come back.
            caption_key: the metadata key of a caption, judged together with the image.
            keep_unreadable: whether documents whose image cannot be read come last, or not at all.

        Raises:
            InputError, ModelUnavailable, ModelInvalid: with the remedy.
        """
        self.verbose = verbose
        self.caption_key = caption_key
        self._choice = Choice(None, min_entailment, keep_unreadable)
        self._reranker = (
            model_name_or_path
            if isinstance(model_name_or_path, EntailmentReranker)
            else EntailmentReranker.from_pretrained(model_name_or_path, device=device, precision=precision)
        )

    def score(self, query: str, doc: str | Document) -> float:
        """The probability (0..1) that one document's image entails ``query``.

        Raises:
            ImageError: the image cannot be read.
        """
        (document,) = _documents(doc, None, None)
        return float(self._reranker.predict([(image_source(_image(document)), query)])[0])

    def rank(
        self,
        query: str,
        docs: Documents,
        doc_ids: Sequence[str | int] | None = None,
        metadata: Sequence[dict[str, Any]] | None = None,
    ) -> RankedResults:
        """Documents, or strings that are paths, base64 or data: URIs, by falling probability."""
        documents = _documents(docs, doc_ids, metadata)
        return _results(query, documents, self._choice.rank(self._reranker, query, self._candidates(documents)))

    async def rank_async(
        self,
        query: str,
        docs: Documents,
        doc_ids: Sequence[str | int] | None = None,
        metadata: Sequence[dict[str, Any]] | None = None,
    ) -> RankedResults:
        """``rank`` off the event loop."""
        documents = _documents(docs, doc_ids, metadata)
        ranked = await self._choice.arank(self._reranker, query, self._candidates(documents))
        return _results(query, documents, ranked)

    def _candidates(self, documents: Sequence[Document]) -> list[Candidate | ImageError]:
        return [
            candidate(
                index, _image(document), caption=document.metadata.get(self.caption_key) if self.caption_key else None
            )
            for index, document in enumerate(documents)
        ]


# rerankers finds the classes it can load by name in this table, and nowhere else.
AVAILABLE_RANKERS["EntailmentRanker"] = EntailmentRanker


def _documents(
    docs: Documents, doc_ids: Sequence[str | int] | None, metadata: Sequence[dict[str, Any]] | None
) -> list[Document]:
    """Copies with ids: rerankers' own ``prep_image_docs`` reads every file and fails at the first bad one."""
    given = [docs] if isinstance(docs, str | Document) else list(docs)
    for field, values in (("doc_ids", doc_ids), ("metadata", metadata)):
        if values is not None and len(values) != len(given):
            raise InputError(f"{field} has {len(values)} entries for {len(given)} documents")
    copies = []
    for index, doc in enumerate(given):
        one = _from_string(doc) if isinstance(doc, str) else doc
        number = index if one.doc_id is None else one.doc_id
        copies.append(
            Document(
                text=one.text,
                doc_id=number if doc_ids is None else doc_ids[index],
                metadata=dict(one.metadata if metadata is None else metadata[index]),
                document_type=one.document_type,
                image_path=one.image_path,
                base64=one.base64,
            )
        )
    return copies


def _from_string(text: str) -> Document:
    try:
        inline = isinstance(image_source(text), bytes)
    except ImageError:
        inline = False  # and ``rank`` says what is wrong
    return Document(document_type="image", **{"base64" if inline else "image_path": text})


def _image(document: Document) -> object:
    if document.document_type != "image":
        return ImageError('is a text document: give document_type="image" with image_path or base64')
    if document.base64:
        return base64_image(document.base64)
    return document.image_path or ImageError("holds no image: give image_path or base64")


def _results(query: str, documents: Sequence[Document], ranked: Sequence[RankedCandidate]) -> RankedResults:
    results = []
    for rank, one in enumerate(ranked, start=1):
        document = documents[one.index]
        document.metadata.update(verdict_metadata(one))
        results.append(Result(document=document, score=one.score, rank=rank))
    return RankedResults(results=results, query=query, has_scores=True)
