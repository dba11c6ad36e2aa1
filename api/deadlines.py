"""What is left of the time that a request named in ``deadline_ms``."""

from __future__ import annotations

import time
from collections.abc import Callable

# A deadline that is certainly over once anything has been computed.
NO_TIME_MS = 0.001


def countdown(deadline_ms: float | None, asked: float | None = None) -> Callable[[], float | None]:
    """Says how many milliseconds are left of a deadline, never fewer than NO_TIME_MS; None for any number.

    It runs since ``asked``, by ``time.monotonic()``, or from now on.
    """
    begun = time.monotonic() if asked is None else asked

    def left() -> float | None:
        if deadline_ms is None:
            return None
        return max(NO_TIME_MS, deadline_ms - 1000.0 * (time.monotonic() - begun))

    return left
