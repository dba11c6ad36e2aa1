"""The reranker as a component of other libraries: LangChain, LlamaIndex, Haystack, rerankers.

Each module needs its library, which the extra of the same name installs; importing this package, or
``rerank``, loads none of them.
"""
