"""A transport that sends what is written within a moment at once."""

from __future__ import annotations

import asyncio
from typing import Any

# From how many bytes on nothing is held back.
MOST = 2**16


class Together:
    """Passes everything on to ``transport``, and writes joined: an answer's header goes out with its body.

    Each would else cost a system call and wake its reader. What was written goes out once the loop has come round,
    and before anything else is done to the transport.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Send ``data`` soon."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(bytes(data))
        self._size += len(data)
        if self._size >= MOST:
            self._flush()

    def get_write_buffer_size(self) -> int:
        """How many bytes have not been sent yet."""
        return self._size + self._transport.get_write_buffer_size()

    @property
    def untaken(self) -> int:
        """How many bytes were sent and not taken by the other side."""
        return self._transport.get_write_buffer_size()

    def close(self) -> None:
        """Send what was written and end the connection."""
        self._flush()
        self._transport.close()

    def write_eof(self) -> None:
        """Send what was written and say that there will be no more."""
        self._flush()
        self._transport.write_eof()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _flush(self) -> None:
        if self._parts:
            joined = b"".join(self._parts)
            self._parts, self._size = [], 0
            self._transport.write(joined)
