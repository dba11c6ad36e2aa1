"""Computing a batch so that one bad item, or too little memory for all of them, does not fail the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rerank.turns import Compute


class NoRoom(Exception):
    """The memory does not suffice for even one item now; ``retry_after`` is when to try again, in seconds."""

    retry_after = 5


def compute_each(compute: Compute, items: Sequence[Any]) -> list[Any]:
    """The result of each item, or the exception that it fails with alone.

    What fails together is tried one by one; what does not fit into memory is halved until it does.
    """
    results: list[Any] = []
    error = _tried(compute, items, results)
    if error is None:
        return results
    if len(items) == 1:
        return [_no_room(error) if is_out_of_memory(error) else error]
    size = len(items) // 2 if is_out_of_memory(error) else 1
    error = None  # with it goes what the failed attempt still held
    parts = [items[start : start + size] for start in range(0, len(items), size)]
    return [result for part in parts for result in compute_each(compute, part)]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this is what Python, or torch on whatever device, raises when memory runs out."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said)


def _tried(compute: Compute, items: Sequence[Any], results: list[Any]) -> Exception | None:
    try:
        results.extend(compute(items))
    except Exception as error:
        results.clear()
        return error
    return None


def _no_room(error: Exception) -> NoRoom:
    return NoRoom(f"there is not enough memory for this now ({type(error).__name__}); try again")
