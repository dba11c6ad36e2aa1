"""Haystack: documents that hold or name a picture, checked and reordered by a ranker component."""

# No postponed annotations here: Haystack 2 reads the sockets' types from them as they stand.
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict

from rerank.errors import ImageError
from rerank.hardware import Precision
from rerank.integrations.documents import Choice, candidate, keyed_image, verdict_metadata
from rerank.reranker import EntailmentReranker
from rerank.types import Candidate, RankedCandidate

_SETTINGS = (
    "model",
    "top_k",
    "min_entailment",
    "image_key",
    "caption_key",
    "fusion_weight",
    "keep_unreadable",
    "device",
    "precision",
)


@component
class EntailmentRanker:
    """Orders documents by the probability that their image entails the query.

    The image is the document's ``blob``, else what ``image_key`` names in its ``meta``. Each comes back as a
    copy, with ``entailment``, ``neutral``, ``contradiction`` and ``label`` in its meta and the entailment as
    score; one whose image cannot be read comes last, with ``error`` and without a score.

    To load a pipeline that holds one, allow this module: ``Pipeline.loads(text,
    allowed_modules=["rerank.integrations.haystack"])``.
    """

    def __init__(
        self,
        model: str | EntailmentReranker = "bundled",
        *,
        top_k: int | None = None,
        min_entailment: float = 0.0,
        image_key: str = "file_path",
        caption_key: str | None = None,
        fusion_weight: float = 1.0,
        keep_unreadable: bool = True,
        device: str | None = None,
        precision: Precision = "auto",
    ) -> None:
        """Take the settings; a model that is named is loaded by ``warm_up``.

        Args:
            model: "bundled", a ModelScope id or a directory; or a reranker that is there already, of which a
                saved pipeline keeps the name.
            top_k: how many documents come back at most.
            min_entailment: the probability that a judged document must reach to come back.
            image_key: the key in ``meta`` of the image or its path.
            caption_key: the key in ``meta`` of a caption, judged together with the image.
            fusion_weight: how much the entailment counts; the document's score, a CLIP cosine, has the rest.
            keep_unreadable: whether documents whose image cannot be read come last, or not at all.
            device: a torch device, or None for the GPU where there is one.
            precision: "fp32", "bf16" or "auto".

        Raises:
            InputError: a setting is out of range.
        """
        Choice(top_k, min_entailment, keep_unreadable, fusion_weight)
        self.model = model if isinstance(model, str) else model.name
        self.top_k = top_k
        self.min_entailment = min_entailment
        self.image_key = image_key
        self.caption_key = caption_key
        self.fusion_weight = fusion_weight
        self.keep_unreadable = keep_unreadable
        self.device = device
        self.precision: Precision = precision
        self._reranker = None if isinstance(model, str) else model

    def warm_up(self) -> None:
        """Load the model, unless it is there."""
        self._loaded()

    def to_dict(self) -> dict[str, Any]:
        """The settings, for ``Pipeline.dumps``."""
        return default_to_dict(self, **{name: getattr(self, name) for name in _SETTINGS})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "EntailmentRanker":
        """A ranker with the settings of ``to_dict``."""
        return default_from_dict(cls, data)

    @component.output_types(documents=list[Document])
    def run(self, query: str, documents: list[Document], top_k: int | None = None) -> dict[str, list[Document]]:
        """Documents by falling relevance to ``query``; ``top_k`` overrides the component's own."""
        ranked = self._choice(top_k).rank(self._loaded(), query, self._candidates(documents))
        return {"documents": [_annotated(documents[one.index], one) for one in ranked]}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, documents: list[Document], top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """``run`` off the event loop."""
        ranked = await self._choice(top_k).arank(self._loaded(), query, self._candidates(documents))
        return {"documents": [_annotated(documents[one.index], one) for one in ranked]}

    def _loaded(self) -> EntailmentReranker:
        if self._reranker is None:
            self._reranker = EntailmentReranker.from_pretrained(
                self.model, device=self.device, precision=self.precision
            )
        return self._reranker

    def _choice(self, top_k: int | None) -> Choice:
        top_n = self.top_k if top_k is None else top_k
        return Choice(top_n, self.min_entailment, self.keep_unreadable, self.fusion_weight)

    def _candidates(self, documents: Sequence[Document]) -> list[Candidate | ImageError]:
        return [
            candidate(
                index,
                document.blob.data if document.blob else keyed_image(document.meta, self.image_key),
                caption=document.meta.get(self.caption_key) if self.caption_key else None,
                similarity=document.score,
            )
            for index, document in enumerate(documents)
        ]


def _annotated(document: Document, one: RankedCandidate) -> Document:
    return replace(document, meta={**document.meta, **verdict_metadata(one)}, score=one.score)
