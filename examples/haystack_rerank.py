"""Haystack: documents with pictures, reordered by whether each shows what was asked for.

pip install 'veralens[all,haystack]'    (all: for the sample pictures; the reranker itself needs [haystack])
"""

import io
import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"  # Haystack reports home otherwise; read at its import

from haystack import Document, Pipeline
from haystack.dataclasses import ByteStream

from indexer.samples.catalogue import sample_catalogue
from indexer.samples.rendering import draw
from rerank.integrations.haystack import EntailmentRanker

documents = []
for sample in sample_catalogue()[28:38]:
    buffer = io.BytesIO()
    draw(sample.scene).save(buffer, "PNG")
    documents.append(Document(content=sample.caption, blob=ByteStream(buffer.getvalue(), mime_type="image/png")))

pipeline = Pipeline()
pipeline.add_component("ranker", EntailmentRanker(top_k=5))
# pipeline.connect("retriever.documents", "ranker.documents")

# A pipeline is data: what is saved here can be loaded by a server.
pipeline = Pipeline.loads(pipeline.dumps(), allowed_modules=["rerank.integrations.haystack"])
result = pipeline.run({"ranker": {"query": "blue denim jeans", "documents": documents}})
for document in result["ranker"]["documents"]:
    print(f"{document.score:.3f}  {document.meta['label']:13}  {document.content}")
