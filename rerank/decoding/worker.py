"""The decoding process: reads and decodes one file after another, within limits that the kernel enforces.

Imports nothing but Pillow and the standard library: it starts in a tenth of a second, and is small.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

from PIL import Image

from rerank.decoding.files import read_file
from rerank.decoding.protocol import error_message, receive, send
from rerank.errors import ImageError
from rerank.images import DecodedImage, decode_image, load_decoders

# Pictures of more pixels than these are decoded by one process at a time: what a few of them take, a machine has.
LARGE_PIXELS = 25_000_000
# Seconds by the clock for each second of processor time: other work may be going on.
PATIENCE = 6


def serve(connection: int, turn: int, memory_bytes: int) -> None:
    """Answer requests on the socket ``connection`` until its other end closes.

    Args:
        turn: a file whose lock goes round among the processes that decode large pictures.
        memory_bytes: address space that the process may take.
    """
    # Ctrl-C is for the owner, who closes the connection then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Image.MAX_IMAGE_PIXELS = None  # the limits of this process take its place
    load_decoders()
    for limit, value in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        with suppress(ValueError, OSError):  # not every system has them
            resource.setrlimit(limit, (value, value))
    requests, replies = os.fdopen(connection, "rb"), os.fdopen(os.dup(connection), "wb")
    send(replies, {"last": True})
    with suppress(EOFError, BrokenPipeError, ConnectionError):
        while True:
            _answer(*receive(requests), requests, replies, turn)


def _answer(request: dict[str, Any], data: bytes, requests: BinaryIO, replies: BinaryIO, turn: int) -> None:
    seconds = float(request["seconds"])
    try:
        with _limited(seconds):
            if "path" in request:
                content = read_file(request["path"])
                data = content.data
        if "path" in request:
            # The owner may have these bytes already: then they need not be decoded.
            sha256 = hashlib.sha256(data).hexdigest()
            send(replies, {"last": False, "sha256": sha256, "size": content.size, "mtime_ns": content.mtime_ns})
            if not receive(requests)[0]["wanted"]:
                send(replies, {"last": True, "image": False})
                return
        with _limited(seconds):
            decoded = _decode(data, request, lambda pixels: _take_turn(turn, pixels, seconds))
    except (ImageError, OSError) as error:
        send(replies, {"last": True, **error_message(error)})
    else:
        facts = {"width": decoded.width, "height": decoded.height, "format": decoded.format}
        pixels = decoded.image.tobytes()
        send(replies, {"last": True, "image": True, "size": decoded.image.size, **facts}, pixels)
    finally:
        fcntl.lockf(turn, fcntl.LOCK_UN)


def _decode(data: bytes, request: dict[str, Any], before: Callable[[int], None]) -> DecodedImage:
    try:
        wanted = {name: request[name] for name in ("max_pixels", "max_side", "srgb")}
        return decode_image(data, before=before, **wanted)
    except ImageError:
        raise
    except Exception as error:  # a decoder's surprise must cost one file
        raise ImageError(f"cannot be decoded ({type(error).__name__}: {error})") from error


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """End the process when the block takes more than ``seconds`` of processor time, or far more by the clock.

    By signals that are left to the kernel: code that hangs inside a decoder never comes back to Python.
    """
    try:
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE * seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _take_turn(turn: int, pixels: int, seconds: float) -> None:
    if pixels <= LARGE_PIXELS:
        return
    signal.setitimer(signal.ITIMER_REAL, 0)  # waiting is not its fault
    fcntl.lockf(turn, fcntl.LOCK_EX)  # freed by the kernel when this process ends
    signal.setitimer(signal.ITIMER_REAL, PATIENCE * seconds)
