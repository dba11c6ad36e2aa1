"""The log: one line for each request, and whatever else has to be said; as text, or as JSON for programs.

Never in it: keys, queries and other texts, pictures, and paths as they were asked for, which hold ids.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from api import request_ids

log = logging.getLogger("veralens.requests")


def configure(log_format: str, level: str) -> None:
    """Send the log to stderr: ours from ``level`` on, other packages' from warnings on."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("veralens").setLevel(level.upper())


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
