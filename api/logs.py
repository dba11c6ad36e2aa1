"""The log: one line for each request, and whatever else has to be said; as text, or as JSON for programs.

Never in it: keys, queries and other texts, pictures, and paths as they were asked for, which hold ids.
"""

from __future__ import annotations

import atexit
import json
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

from api import request_ids

log = logging.getLogger("veralens.requests")
# Lines kept for a stderr that takes none; those that follow are lost, and requests are answered all the same.
MOST_WAITING = 10_000
# How long the end of the process waits for lines that are not written yet.
LAST_SECONDS = 2.0
# How long lines wait to be written with others, in seconds.
MOMENT = 0.05


def configure(log_format: str, level: str) -> None:
    """Send the log to stderr: ours from ``level`` on, other packages' from warnings on."""
    handler = Beside(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("veralens").setLevel(level.upper())
    atexit.register(handler.wait, LAST_SECONDS)


class Beside(logging.Handler):
    """Formats lines where they are said, since they name the request, and has a thread of its own write them.

    A pipe that nobody reads would else hold up every request. The thread is not woken for each line, which would cost
    the requests more than the line does: what is said within a moment is written together.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: deque[str] = deque()
        self._news = threading.Event()
        self._written = threading.Event()
        self._written.set()
        threading.Thread(target=self._write, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Leave a line to be written; it is lost where too many wait."""
        try:
            line = self.format(record) + "\n"
        except Exception:
            self.handleError(record)
            return
        if len(self._lines) < MOST_WAITING:
            self._lines.append(line)
        if not self._news.is_set():
            self._written.clear()
            self._news.set()

    def wait(self, seconds: float) -> None:
        """Until all is written, or for so long."""
        self._written.wait(seconds)

    def _write(self) -> None:
        while True:
            self._news.wait()
            time.sleep(MOMENT)
            self._news.clear()
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            with suppress(OSError, ValueError):  # nobody is there any more to read it
                self._stream.write("".join(lines))
                self._stream.flush()
            if not self._lines:
                self._written.set()


def say(level: int, message: str, fields: Mapping[str, Any]) -> None:
    """A line with fields; those that are None are left out."""
    if log.isEnabledFor(level):
        log.log(level, message, extra={"fields": {name: one for name, one in fields.items() if one is not None}})


class TextFormatter(logging.Formatter):
    """``veralens: message  name=value …``, for people; a message that has lines of its own stays on one."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        words = [record.getMessage(), *(f"{name}={value}" for name, value in fields.items())]
        line = "veralens: " + " ".join(words).replace("\r", " ").replace("\n", " ")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, message, the request's id where there is one, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": at.replace("+00:00", "Z"), "level": record.levelname.lower(), "message": record.getMessage()}
        request = request_ids.current.get()
        if request is not None:
            line["request_id"] = request
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)
