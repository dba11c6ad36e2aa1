"""One decoding process, as its owner sees it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from rerank.decoding.files import CutShort
from rerank.decoding.protocol import raise_error, receive, send
from rerank.errors import ImageError, VeralensError

START_SECONDS = 60.0
_TOO_SLOW = (signal.SIGPROF, signal.SIGALRM)


class DecoderProcess:
    """A process that decodes one file at a time. Used by one thread at a time, but for ``kill``.

    Args:
        turn, memory_bytes: as ``worker.serve`` takes them.
        seconds: processor time that it has for a file.

    Raises:
        VeralensError: it does not start.
    """

    def __init__(self, turn: int, seconds: float, memory_bytes: int) -> None:
        self._seconds = seconds
        self._settled = True
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = _start(theirs.fileno(), turn, memory_bytes, self._words)
        self._stream = cast(BinaryIO, self._socket.makefile("rwb"))
        try:
            self._socket.settimeout(START_SECONDS)
            receive(self._stream)
        except (EOFError, OSError):
            self._process.kill()
            words = self._last_words()
            self.close()
            raise VeralensError(f"the decoding process does not start: {words}") from None

    @property
    def ready(self) -> bool:
        """Whether it lives and owes no answer."""
        return self._settled and self._process.poll() is None

    def ask(self, request: dict[str, Any], payload: bytes = b"") -> None:
        """Send a request.

        Raises:
            ImageError: the process has ended; why.
        """
        self._settled = False
        self._socket.settimeout(None)
        try:
            send(self._stream, request, payload)
        except OSError:
            raise self._cause_of_death() from None

    def reply(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        """The next answer, waited for ``seconds`` by the clock.

        Raises:
            ImageError: what is wrong with the file, or why the process has ended over it.
            OSError: the file cannot be read.
        """
        self._socket.settimeout(seconds)
        try:
            message, payload = receive(self._stream)
        except TimeoutError:
            self.kill()
            raise CutShort(self._too_slow()) from None
        except (EOFError, OSError):
            raise self._cause_of_death() from None
        self._settled = message["last"]
        raise_error(message)
        return message, payload

    def kill(self) -> None:
        """End it whatever it is doing; a second call does nothing. From any thread."""
        self._process.kill()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes whoever waits for a reply

    def close(self) -> None:
        """Kill it and free what it held."""
        self.kill()
        with suppress(subprocess.TimeoutExpired):  # it may hang in the kernel, on a dead file system
            self._process.wait(1.0)
        with suppress(OSError):  # what was still to be sent goes nowhere
            self._stream.close()
        self._socket.close()
        self._words.close()

    def _cause_of_death(self) -> ImageError:
        try:
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return CutShort(self._too_slow())  # it hangs in the kernel
        if -status in _TOO_SLOW:
            # By the clock it may have been waiting for others' work; of processor time it takes what it takes.
            return (CutShort if -status == signal.SIGALRM else ImageError)(self._too_slow())
        if status >= 0:
            return ImageError(f"ends its decoder (exit status {status})")
        name = signal.Signals(-status).name
        if name == "SIGKILL":
            return CutShort(f"crashes its decoder ({name}), perhaps for lack of memory")
        return ImageError(f"crashes its decoder ({name})")

    def _too_slow(self) -> str:
        return f"takes more than {self._seconds:g} s to decode"

    def _last_words(self) -> str:
        self._process.wait()
        self._words.seek(0)
        words = self._words.read().decode("utf-8", "replace").strip().splitlines()
        return words[-1] if words else f"exit status {self._process.returncode}"


def _start(connection: int, turn: int, memory_bytes: int, words: IO[bytes]) -> subprocess.Popen[bytes]:
    # An interpreter of its own rather than a fork, which would copy locks that threads hold; and not by
    # multiprocessing, which runs the caller's main module again.
    path = [str(Path(__file__).parents[2]), *sys.path]
    code = f"import sys; sys.path[:] = {path!r}; from rerank.decoding.worker import serve; "
    return subprocess.Popen(  # noqa: S603 (nothing of it comes from outside)
        [sys.executable, "-I", "-S", "-c", f"{code}serve({connection}, {turn}, {memory_bytes})"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=words,
        pass_fds=(connection, turn),
        process_group=0,  # Ctrl-C in a terminal goes to our group; we end it then
    )
