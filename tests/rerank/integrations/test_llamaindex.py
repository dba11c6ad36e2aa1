from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers.no_text import NoText
from llama_index.core.schema import (
    ImageDocument,
    ImageNode,
    MediaResource,
    MetadataMode,
    Node,
    NodeWithScore,
    QueryBundle,
    TextNode,
)
from pydantic import ValidationError

from rerank import EntailmentReranker
from rerank.integrations.llamaindex import EntailmentPostprocessor

QUERY = "blue denim jeans"


@pytest.fixture
def nodes(pictures: dict[str, Path]) -> list[NodeWithScore]:
    return [
        NodeWithScore(node=ImageNode(id_=caption, image_path=str(path), metadata={"shop": "Main Street"}), score=0.2)
        for caption, path in pictures.items()
    ]


@pytest.fixture
def bad(broken: Path) -> list[NodeWithScore]:
    return [
        NodeWithScore(node=ImageNode(id_="broken", image_path=str(broken)), score=0.9),
        NodeWithScore(node=TextNode(id_="no key", text="jeans", metadata={"title": "jeans"}), score=0.9),
        NodeWithScore(node=ImageNode(id_="URL", image_url="https://example.com/jeans.jpg"), score=0.9),
        NodeWithScore(node=ImageNode(id_="base64", image="not base64!"), score=0.9),
    ]


def test_nodes_come_back_by_falling_entailment(bundled: EntailmentReranker, nodes: list[NodeWithScore]) -> None:
    ranked = EntailmentPostprocessor(bundled).postprocess_nodes(nodes, query_str=QUERY)
    assert ranked[0].node_id == QUERY
    assert isinstance(ranked[0].node, ImageNode)
    scores = [node.get_score(raise_error=True) for node in ranked]
    assert scores == sorted(scores, reverse=True)
    first = ranked[0].metadata
    assert ranked[0].score == first["entailment"] > 0.5
    assert first["entailment"] + first["neutral"] + first["contradiction"] == pytest.approx(1, abs=1e-4)
    assert (first["label"], first["retrieval_score"], first["shop"]) == ("entailment", 0.2, "Main Street")


def test_figures_stay_out_of_prompts(bundled: EntailmentReranker, nodes: list[NodeWithScore]) -> None:
    node = EntailmentPostprocessor(bundled).postprocess_nodes(nodes, query_str=QUERY)[0].node
    assert node.get_metadata_str(MetadataMode.LLM) == "shop: Main Street"
    assert node.get_metadata_str(MetadataMode.EMBED) == "shop: Main Street"


def test_what_was_handed_in_is_left_alone(bundled: EntailmentReranker, nodes: list[NodeWithScore]) -> None:
    before = [node.model_copy(deep=True) for node in nodes]
    EntailmentPostprocessor(bundled).postprocess_nodes(nodes, query_str=QUERY)
    assert nodes == before


@pytest.mark.parametrize("way", ["base64", "data URI", "resource", "path resource", "document", "metadata"])
def test_an_image_may_be_given_in_many_ways(
    bundled: EntailmentReranker, pictures: dict[str, Path], encoded: dict[str, str], way: str
) -> None:
    nodes = []
    for caption, path in pictures.items():
        image = encoded[caption]
        made = {
            "base64": lambda image=image: ImageNode(image=image),
            "data URI": lambda image=image: ImageNode(image=f"data:image/png;base64,{image}"),
            "resource": lambda path=path: Node(image_resource=MediaResource(data=path.read_bytes())),
            "path resource": lambda path=path: Node(image_resource=MediaResource(path=path)),
            "document": lambda path=path: ImageDocument(image_path=str(path)),
            "metadata": lambda path=path: TextNode(text="a row of a table", metadata={"file_path": str(path)}),
        }[way]()
        made.id_ = caption
        nodes.append(NodeWithScore(node=made))
    ranked = EntailmentPostprocessor(bundled).postprocess_nodes(nodes, query_str=QUERY)
    assert ranked[0].node_id == QUERY
    assert all("error" not in node.metadata for node in ranked)


def test_bad_nodes_come_last_and_say_why(
    bundled: EntailmentReranker, nodes: list[NodeWithScore], bad: list[NodeWithScore]
) -> None:
    ranked = EntailmentPostprocessor(bundled).postprocess_nodes([*bad, *nodes], query_str=QUERY)
    assert ranked[0].node_id == QUERY
    assert [node.node_id for node in ranked[-4:]] == ["broken", "no key", "URL", "base64"]
    assert [node.score for node in ranked[-4:]] == [None] * 4
    broken, no_key, url, base64 = (node.metadata["error"] for node in ranked[-4:])
    assert "broken.jpg" in broken
    assert "'file_path'" in no_key
    assert "nothing is fetched" in url
    assert "is not base64" in base64


def test_bad_nodes_can_be_dropped(
    bundled: EntailmentReranker, nodes: list[NodeWithScore], bad: list[NodeWithScore]
) -> None:
    postprocessor = EntailmentPostprocessor(bundled, keep_unreadable=False)
    assert len(postprocessor.postprocess_nodes([*bad, *nodes], query_str=QUERY)) == len(nodes)


def test_top_n_and_min_entailment(bundled: EntailmentReranker, nodes: list[NodeWithScore]) -> None:
    assert len(EntailmentPostprocessor(bundled, top_n=2).postprocess_nodes(nodes, query_str=QUERY)) == 2
    sure = EntailmentPostprocessor(bundled, min_entailment=0.5).postprocess_nodes(nodes, query_str=QUERY)
    assert [node.node_id for node in sure] == [QUERY]


def test_a_caption_is_judged_with_the_image(bundled: EntailmentReranker, pictures: dict[str, Path]) -> None:
    path = str(pictures["a green dotted mug"])
    node = NodeWithScore(node=ImageNode(image_path=path, metadata={"alt": "a cup of coffee"}))
    (ranked,) = EntailmentPostprocessor(bundled, caption_key="alt").postprocess_nodes([node], query_str="a hot drink")
    expected = bundled.score([(path, "a hot drink", "a cup of coffee")])[0, 0]
    assert ranked.score == pytest.approx(expected, abs=1e-4)


def test_the_score_of_retrieval_can_be_fused(bundled: EntailmentReranker, nodes: list[NodeWithScore]) -> None:
    for number, node in enumerate(nodes):
        node.score = number / 10
    ranked = EntailmentPostprocessor(bundled, fusion_weight=0.0).postprocess_nodes(nodes, query_str=QUERY)
    assert [node.metadata["retrieval_score"] for node in ranked] == [0.4, 0.3, 0.2, 0.1, 0.0]


def test_without_a_query_there_is_nothing_to_judge(bundled: EntailmentReranker, nodes: list[NodeWithScore]) -> None:
    with pytest.raises(ValueError, match="query_str"):
        EntailmentPostprocessor(bundled).postprocess_nodes(nodes)


@pytest.mark.parametrize("wrong", [{"top_n": 0}, {"min_entailment": 2}, {"topn": 3}])
def test_wrong_settings_are_refused(bundled: EntailmentReranker, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        EntailmentPostprocessor(bundled, **wrong)


@pytest.mark.parametrize("way", ["json", "pickle"])
def test_settings_and_the_models_name_survive_being_saved(
    way: str, reference: EntailmentReranker, nodes: list[NodeWithScore]
) -> None:
    postprocessor = EntailmentPostprocessor(reference, top_n=2, caption_key="alt")
    again = {
        "json": lambda: EntailmentPostprocessor.from_json(postprocessor.to_json()),
        "pickle": lambda: pickle.loads(pickle.dumps(postprocessor)),
    }[way]()
    assert again.model == reference.name
    assert again.to_dict() == postprocessor.to_dict()
    assert len(again.postprocess_nodes(nodes, query_str=QUERY)) == 2


class Everything(BaseRetriever):
    """A retriever that finds all there is."""

    def __init__(self, nodes: list[NodeWithScore]) -> None:
        super().__init__()
        self.nodes = nodes

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self.nodes


def engine(reranker: EntailmentReranker, nodes: list[NodeWithScore]) -> RetrieverQueryEngine:
    return RetrieverQueryEngine(
        Everything(nodes),
        response_synthesizer=NoText(llm=MockLLM()),
        node_postprocessors=[EntailmentPostprocessor(reranker, top_n=3)],
    )


def test_in_a_query_engine(bundled: EntailmentReranker, nodes: list[NodeWithScore]) -> None:
    response = engine(bundled, nodes).query(QUERY)
    assert [node.node_id for node in response.source_nodes][:1] == [QUERY]
    assert len(response.source_nodes) == 3


def test_in_a_query_engine_async(bundled: EntailmentReranker, nodes: list[NodeWithScore]) -> None:
    response = asyncio.run(engine(bundled, nodes).aquery(QUERY))
    assert [node.node_id for node in response.source_nodes][:1] == [QUERY]
    assert response.source_nodes[0].metadata["label"] == "entailment"
