"""From what was read of documents to pictures that the reranker can judge: fetched, and decoded where it is safe."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from anyio import create_task_group

from api.admission import QueueFull
from api.decoding import Decoder
from api.documents import Documents, Link, Sent
from api.fetch import Fetcher, FetchRefused
from rerank.errors import ImageError
from rerank.types import Candidate

# Pictures of one request that are fetched and decoded at a time, so that several requests take turns.
AT_ONCE = 4
MOST_URLS = 32
TOO_MANY_URLS = f"is at a URL, and of one request no more than {MOST_URLS} are fetched; send the picture itself"
LATE = "not judged before the deadline"


class Gathering:
    """Makes candidates of documents; what becomes of a bad one is noted in ``documents.errors``.

    Args:
        size: the side of the square that the reranker looks at, in pixels.
        until: when to stop, on the monotonic clock in seconds.
    """

    def __init__(
        self, documents: Documents, fetcher: Fetcher, decoder: Decoder, *, size: int, until: float | None
    ) -> None:
        self._documents = documents
        self._fetcher = fetcher
        self._decoder = decoder
        self._size = size
        self._until = until
        self._waiting: Iterator[Sent] = iter(documents.sent)
        self._urls = 0
        self._candidates: dict[int, Candidate] = {}
        self._busy: QueueFull | None = None

    async def candidates(self) -> list[Candidate]:
        """Candidates in the order of their documents, whose ids are their positions.

        Raises:
            QueueFull: there is too much to do already.
        """
        async with create_task_group() as group:
            for _ in range(AT_ONCE):
                group.start_soon(self._work)
        if self._busy is not None:
            raise self._busy
        return [candidate for _, candidate in sorted(self._candidates.items())]

    async def _work(self) -> None:
        for sent in self._waiting:
            if self._busy is not None:
                return
            if self._until is not None and time.monotonic() > self._until:
                self._documents.errors[sent.index] = LATE
                continue
            try:
                image = await self._image(sent.picture)
                self._candidates[sent.index] = Candidate(str(sent.index), image, sent.caption)
            except (ImageError, FetchRefused) as error:
                self._documents.errors[sent.index] = f"image: {error}"
            except QueueFull as error:
                self._busy = error

    async def _image(self, picture: Path | bytes | Link) -> Path | bytes:
        if isinstance(picture, Path):
            return picture
        if isinstance(picture, Link):
            self._urls += 1
            if self._urls > MOST_URLS:
                raise ImageError(TOO_MANY_URLS)
            picture = await self._fetcher.fetch(picture.url)
        return await self._decoder.square(picture, self._size)
