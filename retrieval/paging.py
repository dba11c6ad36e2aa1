"""Rankings that stay as they are while somebody turns their pages, and the cursors that lead into them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from retrieval.errors import CursorError
from retrieval.ranking import Place, Ranked

KEPT_SECONDS = 600.0
KEPT_BYTES = 32 * 2**20
# Measured: a place with its verdict and strings; a duplicate's id.
PLACE_BYTES, ID_BYTES = 400, 100
_BODY = struct.Struct(">16sI")
_SEAL_BYTES = 16


@dataclass(frozen=True)
class Frozen:
    """A ranking as it was when it was first asked for; ``question`` is that question's identity."""

    question: str
    query: str
    ranked: Ranked

    @property
    def bytes(self) -> int:
        """About how much memory it takes."""
        return sum(PLACE_BYTES + ID_BYTES * len(one.duplicates) for one in self.ranked.places)


@dataclass(frozen=True)
class Bookmark:
    """A ranking opened at its place number ``offset``."""

    key: bytes
    frozen: Frozen
    offset: int

    @property
    def rest(self) -> tuple[Place, ...]:
        """The places that were not shown yet."""
        return self.frozen.ranked.places[self.offset :]


class Rankings:
    """The latest rankings, within a budget of bytes and of seconds since each was last used. Thread-safe.

    Cursors are sealed: what was not made here, or was altered, is refused.
    """

    def __init__(
        self,
        *,
        most_bytes: int = KEPT_BYTES,
        seconds: float = KEPT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._kept: OrderedDict[bytes, tuple[Frozen, float]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def keep(self, frozen: Frozen) -> bytes:
        """Keep a ranking; the key that cursors into it are made with."""
        key = secrets.token_bytes(16)
        with self._lock:
            self._kept[key] = (frozen, self._clock())
            self._bytes += frozen.bytes
            while self._kept and (self._bytes > self._most_bytes or self._outlived()):
                _, (gone, _) = self._kept.popitem(last=False)
                self._bytes -= gone.bytes
        return key

    def cursor(self, key: bytes, offset: int) -> str:
        """A text that leads to place number ``offset`` of the ranking under ``key``."""
        body = _BODY.pack(key, offset)
        return base64.urlsafe_b64encode(body + self._seal(body)).decode("ascii").rstrip("=")

    def open(self, cursor: str) -> Bookmark:
        """The ranking that a cursor leads into.

        Raises:
            CursorError: it was not made here, or its ranking is not kept any more.
        """
        key, offset = self._read(cursor)
        with self._lock:
            frozen, used = self._kept.get(key, (None, 0.0))
            if frozen is None or self._clock() - used > self._seconds:
                minutes = round(self._seconds / 60)
                raise CursorError(
                    f"cursor: its results are not kept any more (they are for {minutes} minutes after the last page, "
                    "or less when there are many searches); begin again without a cursor"
                )
            self._kept[key] = (frozen, self._clock())
            self._kept.move_to_end(key)
        return Bookmark(key, frozen, offset)

    def _read(self, cursor: str) -> tuple[bytes, int]:
        try:
            data = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        except (ValueError, binascii.Error):
            data = b""
        body, seal = data[: _BODY.size], data[_BODY.size :]
        if len(body) != _BODY.size or not hmac.compare_digest(seal, self._seal(body)):
            raise CursorError(
                "cursor: was not made by this service, or before it was last started; pass on `next_cursor` as it "
                "came, or begin again without a cursor"
            )
        key, offset = _BODY.unpack(body)
        return key, offset

    def _seal(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, body, hashlib.sha256)[:_SEAL_BYTES]

    def _outlived(self) -> bool:
        _, used = next(iter(self._kept.values()))
        return self._clock() - used > self._seconds
