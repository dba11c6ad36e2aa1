"""LlamaIndex: image nodes that a retriever found, checked and reordered by a node postprocessor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, ImageNode, Node, NodeWithScore, QueryBundle

from rerank.errors import ImageError, InputError
from rerank.integrations.documents import Choice, base64_image, candidate, keyed_image, verdict_metadata
from rerank.reranker import EntailmentReranker
from rerank.types import Candidate, RankedCandidate


class EntailmentPostprocessor(BaseNodePostprocessor):
    """Orders nodes by the probability that their image entails the query.

    The image is an image node's own, else what ``image_key`` names in the metadata. Each node comes back as
    a copy, with ``entailment``, ``neutral``, ``contradiction`` and ``label`` in its metadata, hidden from
    LLM and embedding, and the entailment as score; one whose image cannot be read comes last, with
    ``error`` and without a score.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    model: str = Field(default="bundled", description="What is loaded: bundled, a ModelScope id or a directory.")
    top_n: int | None = Field(default=None, ge=1, description="How many nodes come back at most.")
    min_entailment: float = Field(default=0.0, ge=0.0, le=1.0, description="What a judged node must reach.")
    image_key: str = Field(default="file_path", description="Metadata key of the image or its path.")
    caption_key: str | None = Field(default=None, description="Metadata key of a caption, judged with the image.")
    fusion_weight: float = Field(
        default=1.0,
        ge=0.0,
        le=1.0,
        description="Weight of the entailment beside the score of retrieval, a CLIP cosine.",
    )
    keep_unreadable: bool = Field(default=True, description="Whether nodes that cannot be judged come last.")

    _reranker: EntailmentReranker = PrivateAttr()

    def __init__(self, model: EntailmentReranker | str = "bundled", **options: Any) -> None:
        """Load ``model``, or use a reranker that is there already; ``options`` are the fields."""
        reranker = EntailmentReranker.from_pretrained(model) if isinstance(model, str) else model
        super().__init__(**{**options, "model": reranker.name})
        self._reranker = reranker

    @classmethod
    def class_name(cls) -> str:
        return "EntailmentPostprocessor"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        ranked = self._choice().rank(self._reranker, _query(query_bundle), self._candidates(nodes))
        return [_annotated(nodes[one.index].node, one) for one in ranked]

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        ranked = await self._choice().arank(self._reranker, _query(query_bundle), self._candidates(nodes))
        return [_annotated(nodes[one.index].node, one) for one in ranked]

    def _choice(self) -> Choice:
        return Choice(self.top_n, self.min_entailment, self.keep_unreadable, self.fusion_weight)

    def _candidates(self, nodes: Sequence[NodeWithScore]) -> list[Candidate | ImageError]:
        return [
            candidate(
                index,
                _image(scored.node, self.image_key),
                caption=scored.node.metadata.get(self.caption_key) if self.caption_key else None,
                similarity=scored.score,
            )
            for index, scored in enumerate(nodes)
        ]


def _query(bundle: QueryBundle | None) -> str:
    if bundle is None:
        raise InputError("images are judged against a query: give query_str or query_bundle")
    return bundle.query_str


def _image(node: BaseNode, key: str) -> object:
    """What the node holds, never by ``resolve_image``, which fetches URLs."""
    own: tuple[object, ...] = ()
    if isinstance(node, ImageNode):
        own = (base64_image(node.image), node.image_path, node.image_url)
    elif isinstance(node, Node) and node.image_resource is not None:
        resource = node.image_resource
        own = (base64_image(resource.data), resource.path, resource.url and str(resource.url))
    return next((image for image in own if image is not None), None) or keyed_image(node.metadata, key)


def _annotated(node: BaseNode, one: RankedCandidate) -> NodeWithScore:
    written = verdict_metadata(one)
    # Figures are for the program: in a prompt they would only distract.
    hidden = {
        field: list(dict.fromkeys([*getattr(node, field), *written]))
        for field in ("excluded_llm_metadata_keys", "excluded_embed_metadata_keys")
    }
    copy = node.model_copy(update={"metadata": {**node.metadata, **written}, **hidden})
    return NodeWithScore(node=copy, score=one.score)
