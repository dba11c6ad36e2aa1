"""LlamaIndex: image nodes, reordered by whether each picture shows what was asked for.

pip install 'veralens[all,llamaindex]'    (all: for the sample pictures; the reranker itself needs [llamaindex])
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from llama_index.core.schema import ImageNode, NodeWithScore

from indexer.samples.catalogue import sample_catalogue
from indexer.samples.rendering import draw
from rerank.integrations.llamaindex import EntailmentPostprocessor

with TemporaryDirectory() as folder:
    nodes = []
    for sample in sample_catalogue()[28:38]:
        path = Path(folder, f"{sample.caption}.png")
        draw(sample.scene).save(path)
        nodes.append(NodeWithScore(node=ImageNode(image_path=str(path))))

    # Or: index.as_query_engine(node_postprocessors=[postprocessor])
    postprocessor = EntailmentPostprocessor(top_n=5)
    for found in postprocessor.postprocess_nodes(nodes, query_str="blue denim jeans"):
        print(f"{found.score:.3f}  {found.metadata['label']:13}  {Path(found.node.image_path).stem}")
