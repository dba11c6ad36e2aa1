"""What a decoding process and its owner say to each other: lines of JSON, with bytes behind some of them."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

from rerank.decoding.files import StillWritten
from rerank.errors import ImageError, ImageTooLarge

_ERRORS = {kind.__name__: kind for kind in (ImageError, ImageTooLarge, StillWritten)}


def send(stream: BinaryIO, message: dict[str, Any], payload: bytes | memoryview = b"") -> None:
    """Write a message, and bytes whose number it says as ``payload``."""
    # ASCII, so that paths of any bytes pass: what is not UTF-8 in them are lone surrogates.
    stream.write(json.dumps({**message, "payload": len(payload)}).encode() + b"\n")
    if payload:
        stream.write(payload)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """The next message and the bytes behind it.

    Raises:
        EOFError: the other side has ended.
    """
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    message = json.loads(line)
    payload = stream.read(message["payload"]) if message["payload"] else b""
    if len(payload) != message["payload"]:
        raise EOFError
    return message, payload


def error_message(error: Exception) -> dict[str, Any]:
    """An ImageError or OSError as a message."""
    if isinstance(error, ImageError):
        return {"error": type(error).__name__, "reason": error.reason}
    assert isinstance(error, OSError)
    return {"error": "OSError", "errno": error.errno, "reason": error.strerror or str(error)}


def raise_error(message: dict[str, Any]) -> None:
    """Raise what a message tells of, if it tells of an error."""
    if "error" not in message:
        return
    if message["error"] == "OSError":
        raise OSError(message["errno"], message["reason"])
    raise _ERRORS[message["error"]](message["reason"])
