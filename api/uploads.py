"""Uploads: pictures into the collection that is served, and out of it, while it is searched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol, cast

from anyio.to_thread import run_sync

from api.admission import QueueFull
from api.decoding import Decoder
from api.service import Engine, Service
from indexer.embedding import decoded_side
from indexer.upload import Upload, Uploaded, add_upload, delete_image, publish_if_due
from retrieval.errors import CollectionError, EncoderChanged
from retrieval.types import Encoder

# Pictures that may wait for their turn to be written, in memory; those beyond are refused at once.
MOST_WAITING = 16
RETRY_AFTER = 2


class _Directory(Protocol):
    @property
    def path(self) -> Path: ...


class _Writable(Protocol):
    """What is needed here of ``retrieval.SearchEngine``."""

    @property
    def collection(self) -> _Directory: ...

    @property
    def encoder(self) -> Encoder: ...


class Uploads:
    """Changes the collection of a service, one change at a time, as any other writer does: under its lock."""

    def __init__(self, service: Service, decoder: Decoder) -> None:
        self._service = service
        self._decoder = decoder
        self._turn: asyncio.Lock | None = None
        self._waiting = 0

    async def add(self, data: bytes, caption: str | None, tags: Sequence[str]) -> Uploaded:
        """Take a picture in; searches that begin when this has returned find it.

        Raises:
            ImageError: it cannot be read.
            CollectionLocked: another process is writing.
            CollectionError: the disk is full or failing; nothing was changed.
            QueueFull: too many wait already.
        """
        # As indexing does: a picture has the same embedding whichever way it comes in.
        decoded = await self._decoder.read(data, max_side=decoded_side(self._engine.encoder), srgb=True)
        upload = Upload(data, decoded, caption, tags)

        def job(engine: Engine) -> Uploaded:
            writable = cast(_Writable, engine)
            uploaded = add_upload(writable.collection.path, writable.encoder, upload)
            _show(engine)
            return uploaded

        async with self._exclusive():
            return await self._service.run(job)

    async def delete(self, image_id: str) -> None:
        """Take an image out for good; searches that begin when this has returned do not find it.

        Raises:
            ImageNotFound, CollectionLocked, CollectionError: as ``indexer.upload.delete_image``.
        """
        path = self._engine.collection.path

        def job() -> None:
            delete_image(path, image_id)
            _show(self._service.engine)

        async with self._exclusive():
            await run_sync(job)

    def publish(self) -> None:
        """Write a new index where that is due: for threads, since it takes seconds in a large collection."""
        engine = self._engine
        with suppress(CollectionError):  # whoever writes now, or next, will do it
            publish_if_due(engine.collection.path, engine.encoder)

    @property
    def _engine(self) -> _Writable:
        return cast(_Writable, self._service.engine)

    @asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[None]:
        """The right to change the collection, waited for in a queue of bounded length."""
        if self._turn is None:  # here, because it belongs to a running event loop
            self._turn = asyncio.Lock()
        if self._waiting >= MOST_WAITING:
            raise QueueFull(RETRY_AFTER)
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1


def _show(engine: Engine) -> None:
    """Let the very next search see the change."""
    with suppress(EncoderChanged):
        engine.refresh(indexes=False)
