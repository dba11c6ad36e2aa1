"""The peers of the search benchmark: other people's vector indexes, as their documentation has them used."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

LINKS, BUILD_EFFORT = 16, 200
BLOCK = 20_000


class Peer(Protocol):
    """One library; ``effort`` is its ef."""

    what: str

    def prepare(self) -> None: ...

    def build(self, images: Any, path: Path) -> None: ...

    def load(self, path: Path) -> Any: ...

    def ask(self, index: Any, query: Any, effort: int) -> list[int]: ...


class Hnswlib:
    """HNSW in fp32, the only form it has."""

    what = f"HNSW fp32, M {LINKS}"

    def prepare(self) -> None:
        import hnswlib  # noqa: F401

    def build(self, images: Any, path: Path) -> None:
        import hnswlib

        index = hnswlib.Index(space="ip", dim=images.shape[1])
        index.init_index(max_elements=len(images), ef_construction=BUILD_EFFORT, M=LINKS)
        for start in range(0, len(images), BLOCK):
            block = np.asarray(images[start : start + BLOCK], dtype=np.float32)
            index.add_items(block, np.arange(start, start + len(block)))
        index.save_index(str(path))

    def load(self, path: Path) -> Any:
        import hnswlib

        index = hnswlib.Index(space="ip", dim=512)
        index.load_index(str(path))
        index.set_num_threads(1)
        return index

    def ask(self, index: Any, query: Any, effort: int) -> list[int]:
        index.set_ef(effort)
        found: list[int] = index.knn_query(query[np.newaxis], k=100)[0][0].tolist()
        return found


class Usearch:
    """HNSW in fp16, which takes half the memory."""

    what = f"HNSW fp16, M {LINKS}"

    def prepare(self) -> None:
        import usearch.index  # noqa: F401

    def build(self, images: Any, path: Path) -> None:
        index = self._empty(images.shape[1])
        for start in range(0, len(images), BLOCK):
            block = np.asarray(images[start : start + BLOCK], dtype=np.float16)
            index.add(np.arange(start, start + len(block)), block)
        index.save(str(path))

    def load(self, path: Path) -> Any:
        index = self._empty(512)
        index.load(str(path))
        return index

    def ask(self, index: Any, query: Any, effort: int) -> list[int]:
        index.expansion_search = effort
        found: list[int] = index.search(query, 100, threads=1).keys.tolist()
        return found

    def _empty(self, dimension: int) -> Any:
        from usearch.index import Index

        return Index(ndim=dimension, metric="ip", dtype="f16", connectivity=LINKS, expansion_add=BUILD_EFFORT)


class Faiss:
    """FAISS's own exact index, with nothing around it: what ours costs beyond that is ours."""

    what = "IndexFlatIP fp32, bare"

    def prepare(self) -> None:
        import faiss  # noqa: F401

    def build(self, images: Any, path: Path) -> None:
        import faiss

        index = faiss.IndexFlatIP(images.shape[1])
        for start in range(0, len(images), BLOCK):
            index.add(np.asarray(images[start : start + BLOCK], dtype=np.float32))
        faiss.write_index(index, str(path))

    def load(self, path: Path) -> Any:
        import faiss

        return faiss.read_index(str(path))

    def ask(self, index: Any, query: Any, effort: int) -> list[int]:  # noqa: ARG002 - it always looks at all
        import faiss

        faiss.omp_set_num_threads(1)  # of the thread that asks: a second one would only spin
        found: list[int] = index.search(query[np.newaxis], 100)[1][0].tolist()
        return found


PEERS: dict[str, Peer] = {"faiss": Faiss(), "hnswlib": Hnswlib(), "usearch": Usearch()}
