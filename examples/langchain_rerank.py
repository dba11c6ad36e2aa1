"""LangChain: what a retriever found, reordered by whether each picture shows what was asked for.

pip install 'veralens[all,langchain]'    (all: for the sample pictures; the reranker itself needs [langchain])
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore

from indexer.samples.catalogue import sample_catalogue
from indexer.samples.rendering import draw
from rerank.integrations.langchain import EntailmentCompressor

with TemporaryDirectory() as folder:
    documents = []
    for sample in sample_catalogue()[28:38]:
        path = Path(folder, f"{sample.caption}.png")
        draw(sample.scene).save(path)
        documents.append(Document(page_content=sample.caption, metadata={"source": str(path)}))

    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))  # your own store, with real embeddings
    store.add_documents(documents)
    retriever = store.as_retriever(search_kwargs={"k": 10})

    compressor = EntailmentCompressor(top_n=5)  # goes into a ContextualCompressionRetriever just as well
    chain = {"documents": retriever, "query": RunnablePassthrough()} | RunnableLambda(
        lambda found: compressor.compress_documents(**found)
    )
    for document in chain.invoke("blue denim jeans"):
        print(f"{document.metadata['entailment']:.3f}  {document.metadata['label']:13}  {document.page_content}")
