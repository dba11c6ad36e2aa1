"""Where the pictures of an audit come from, beside files: a zip, a collection, the web."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from api.admission import QueueFull
from api.archives import PictureArchive
from api.engine import Shelf
from api.fetch import Fetcher, FetchPolicy, FetchRefused
from api.thumbnails import read_unchanged
from rerank.audit import PictureFinder
from rerank.errors import ImageError
from retrieval.errors import ImageNotFound

Fetch = Callable[[str], bytes]
# Of one picture.
MAX_BYTES = 50 * 2**20


def of_shelf(shelf: Shelf, image_id: str) -> bytes:
    """The picture of an image id.

    Raises:
        ImageError: it is not in the collection, or not as it was indexed.
    """
    try:
        return read_unchanged(shelf.image(image_id), shelf.file(image_id))
    except ImageNotFound as error:
        gone = "gone" in str(error)
        raise ImageError(
            "is not in the collection" if not gone else "is gone or has changed since it was indexed"
        ) from None


def fetched_on(loop: asyncio.AbstractEventLoop, fetcher: Fetcher) -> Fetch:
    """``fetcher`` for threads, its work done on ``loop``."""

    def fetch(url: str) -> bytes:
        return _or_image_error(asyncio.run_coroutine_threadsafe(fetcher.fetch(url), loop).result)

    return fetch


@contextmanager
def guarded_fetch() -> Iterator[Fetch]:
    """Fetches from public addresses, for a command: on an event loop in a thread of its own."""
    fetcher = Fetcher(FetchPolicy("guarded"), max_bytes=MAX_BYTES)
    with start_blocking_portal() as portal:
        yield lambda url: _or_image_error(partial(portal.call, fetcher.fetch, url))


def _or_image_error(fetch: Callable[[], bytes]) -> bytes:
    try:
        return fetch()
    except (FetchRefused, QueueFull) as error:
        reason = str(error) if isinstance(error, FetchRefused) else "was not fetched: too many wait"
        raise ImageError(reason.partition(";")[0]) from None


class JobPictures:
    """Finds a job's pictures: in its zip, by id in the collection, in data URIs, at URLs; never on this disk by path.

    Args:
        shelf: gives the collection as it is at the time.
    """

    def __init__(self, shelf: Callable[[], Shelf], archive: PictureArchive | None, fetch: Fetch | None) -> None:
        self._archive = archive
        self._others = PictureFinder(None, ids=lambda image_id: of_shelf(shelf(), image_id), fetch=fetch)

    def __call__(self, name: str) -> bytes | Path:
        """The bytes of the picture called ``name``.

        Raises:
            ImageError: there is none.
        """
        if self._archive is not None and name in self._archive:
            return self._archive.read(name)
        return self._others(name)
