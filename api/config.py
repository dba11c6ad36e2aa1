"""Where settings come from: the configuration file, and which source gave which setting."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from rerank.errors import InputError

PREFIX = "VERALENS_"
VARIABLE = PREFIX + "CONFIG"


@dataclass(frozen=True)
class Sources:
    """What was given, and where; of two that name the same setting the first here counts: flags, environment, file."""

    flags: Mapping[str, Any]
    path: Path | None
    file: Mapping[str, Any]

    @classmethod
    def of(cls, path: Path | None, flags: Mapping[str, Any]) -> Sources:
        """The sources with the file at ``path``, or where ``VERALENS_CONFIG`` says, or none.

        Raises:
            InputError: the file cannot be read or is not TOML.
        """
        if path is None and os.environ.get(VARIABLE):
            path = Path(os.environ[VARIABLE])
        given = {name: value for name, value in flags.items() if value is not None}
        return cls(given, path, {} if path is None else _read(path))

    def name(self, field: str) -> str:
        """The source of a setting, as somebody who has to correct it looks for it."""
        if field in self.flags:
            return "--" + field.replace("_", "-")
        if _variable(field) is not None or field not in self.file:
            return _variable(field) or PREFIX + field.upper()
        return f"{self.path}: {field}"

    def given(self, field: str) -> bool:
        """Whether any source names the setting; else its default holds."""
        return field in self.flags or _variable(field) is not None or field in self.file

    def unknown(self, field: str, known: Iterable[str]) -> str:
        """What to say of a name in the file, or of a flag, that is no setting."""
        close = difflib.get_close_matches(field, list(known), n=1)
        meant = f"; is {close[0]} meant?" if close else ""
        return f"{self.name(field)}: there is no such setting{meant}"


def as_toml(values: Mapping[str, Any], sources: Sources) -> str:
    """Every setting as a line of a configuration file with its source; what is secret is not shown."""
    lines = []
    for name, value in values.items():
        origin = f"from {sources.name(name)}" if sources.given(name) else "default"
        shown = "" if value is None else _toml(hidden(value))
        lines.append(f"{'# ' if value is None else ''}{name} = {shown}".rstrip() + f"  # {origin}")
    return "\n".join(lines)


def hidden(value: Any) -> Any:
    """A setting's value with asterisks for what is secret: keys, and their digests."""
    if isinstance(value, SecretStr):
        return "**********"
    if isinstance(value, dict):
        return {name: hidden(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {_toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    # Strings, numbers and booleans are written the same way in both.
    return json.dumps(value, ensure_ascii=False)


def _variable(field: str) -> str | None:
    """The environment variable that gives a setting; their case does not matter."""
    wanted = PREFIX + field.upper()
    return next((name for name in os.environ if name.upper() == wanted), None)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}: --config or {VARIABLE} must name a readable file") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: not TOML: {error}") from error
