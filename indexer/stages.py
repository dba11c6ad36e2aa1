"""Encoding and committing batches, each a step behind the one before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from PIL import Image

from indexer.embedding import embed
from indexer.loader import Loaded
from retrieval.calibration import text_queries
from retrieval.catalog_writer import FoundPath
from retrieval.types import Encoder, Vectors
from retrieval.writer import Addition, CollectionWriter

# Batches in the encoder at a time: while the model runs on one, the next is made ready for it.
ENCODING = 2


@dataclass
class Batch:
    """Loaded files on their way into the collection, with what each will count as."""

    items: list[tuple[Loaded, FoundPath, str]] = field(default_factory=list)
    images: dict[bytes, Image.Image] = field(default_factory=dict)


@dataclass(frozen=True)
class Committed:
    """What became of a batch: the paths that were refused, with reasons, and how many images were embedded."""

    batch: Batch
    refused: dict[bytes, str]
    embedded: int


class Stages:
    """Takes batches in; each is encoded, then committed, in their order. A context manager.

    Args:
        committed: called with each committed batch, in the thread that calls ``put`` and ``flush``.
    """

    def __init__(self, writer: CollectionWriter, encoder: Encoder, committed: Callable[[Committed], None]) -> None:
        self._writer = writer
        self._encoder = encoder
        self._committed = committed
        self._encoders = ThreadPoolExecutor(max_workers=ENCODING, thread_name_prefix="indexer-encode")
        self._committer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="indexer-commit")
        self._encoding: deque[tuple[Batch, Future[list[Vectors | str]]]] = deque()
        self._committing: Future[Committed] | None = None

    def put(self, batch: Batch) -> None:
        """Hand a batch over; waits while as many as may be are being encoded."""
        self._encoding.append((batch, self._encoders.submit(embed, self._encoder, list(batch.images.values()))))
        while len(self._encoding) > ENCODING:
            self._commit_oldest()

    def flush(self) -> None:
        """Wait until everything is committed."""
        while self._encoding:
            self._commit_oldest()
        self._await_commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._encoders.shutdown(wait=True, cancel_futures=True)
        self._committer.shutdown(wait=True)

    def _commit_oldest(self) -> None:
        batch, encoding = self._encoding.popleft()
        vectors = dict(zip(batch.images, encoding.result(), strict=True))
        self._await_commit()
        self._committing = self._committer.submit(self._commit, batch, vectors)

    def _await_commit(self) -> None:
        if self._committing is not None:
            running, self._committing = self._committing, None
            self._committed(running.result())

    def _commit(self, batch: Batch, vectors: dict[bytes, Vectors | str]) -> Committed:
        additions = []
        refused: dict[bytes, str] = {}
        for item, found, _ in batch.items:
            vector = vectors.get(item.content.sha256)
            if isinstance(vector, str):
                refused[found.path] = vector
            else:
                additions.append(Addition(item.content, found, vector))
        for lost in self._writer.commit(additions):
            refused[lost.found.path] = "is a copy of an image that could not be embedded"
        self._writer.publish_if_due(text_queries(self._encoder))
        return Committed(batch, refused, sum(not isinstance(vector, str) for vector in vectors.values()))
