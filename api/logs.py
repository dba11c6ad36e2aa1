"""The log: one line for each request, and whatever else has to be said; as text, or as JSON for programs.

Never in it: keys, queries and other texts, pictures, and paths as they were asked for, which hold ids.
"""

from __future__ import annotations

import atexit
import json
import logging
import queue
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from typing import Any

from api import request_ids

log = logging.getLogger("veralens.requests")
# Lines kept for a stderr that takes none; those that follow are lost, and requests are answered all the same.
MOST_WAITING = 10_000
# How long the end of the process waits for lines that are not written yet.
LAST_SECONDS = 2.0


def configure(log_format: str, level: str) -> None:
    """Send the log to stderr: ours from ``level`` on, other packages' from warnings on.

    A thread of its own writes it: a pipe that nobody reads would else hold up every request.
    """
    handler = Beside(queue.Queue(MOST_WAITING))
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("veralens").setLevel(level.upper())
    QueueListener(handler.queue, logging.StreamHandler()).start()
    atexit.register(handler.wait, LAST_SECONDS)


class Beside(QueueHandler):
    """Formats lines where they are said, since they name the request, and leaves the writing to another thread."""

    queue: queue.Queue[logging.LogRecord]

    def enqueue(self, record: logging.LogRecord) -> None:
        with suppress(queue.Full):
            self.queue.put_nowait(record)

    def wait(self, seconds: float) -> None:
        """Until all is written, or for so long."""
        until = time.monotonic() + seconds
        while self.queue.unfinished_tasks and time.monotonic() < until:
            time.sleep(0.01)


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
