"""The id of a request: the caller's own, or one made here; it ties an answer to its line in the log."""

from __future__ import annotations

import random
import re
from contextvars import ContextVar

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# The request that runs now, for problem documents and for log lines from anywhere below.
current: ContextVar[str | None] = ContextVar("request_id", default=None)


def chosen(asked: str | None) -> str:
    """The id that was asked for when it is one word of at most 64 plain characters, else a new one."""
    return asked if asked is not None and _SANE.fullmatch(asked) else f"{random.getrandbits(128):032x}"
