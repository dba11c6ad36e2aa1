"""Everything that can be set from outside: the one place that reads the environment.

Precedence: command-line flags, then ``VERALENS_*`` variables, then the defaults below.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
PREFIX = "VERALENS_"


class Settings(BaseSettings):
    """The service's settings; ``VERALENS_PORT=9000`` sets ``port``, and so on."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    collection: Path | None = None
    encoder: str | None = None
    reranker: str | None = "auto"
    device: str | None = None
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    fusion_weight: Annotated[float, Field(ge=0.0, le=1.0)] | None = None

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    allow_anonymous: bool = False

    max_body_bytes: Annotated[int, Field(ge=1024)] = 20 * 2**20
    max_pixels: Annotated[int, Field(ge=1)] = 50_000_000
    max_documents: Annotated[int, Field(ge=1)] = 1_000
    max_queue: Annotated[int, Field(ge=1)] = 32
    shutdown_seconds: Annotated[int, Field(ge=1)] = 25

    cache_dir: Path = Field(default_factory=lambda: platformdirs.user_cache_path("veralens"))
    examples: tuple[str, ...] = ()
    debug: bool = False

    @field_validator("api_keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """``VERALENS_API_KEYS=one,two``."""
        return tuple(key.strip() for key in value.split(",") if key.strip()) if isinstance(value, str) else value

    @classmethod
    def load(cls, **flags: Any) -> Self:
        """Settings from the environment, overridden by the flags that are not None.

        Raises:
            InputError: a value is wrong; the message names its variable.
        """
        try:
            return cls(**{name: value for name, value in flags.items() if value is not None})
        except ValidationError as error:
            from rerank.errors import InputError

            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"][:1])
            source = f"--{field.replace('_', '-')}" if flags.get(field) is not None else PREFIX + field.upper()
            raise InputError(f"{source}: {first['msg']}") from None

    def check_door(self) -> None:
        """Refuse to serve strangers without keys unless told so.

        Raises:
            InputError: the host is not loopback, no keys are set, and ``allow_anonymous`` is not.
        """
        if self.host not in LOOPBACK and not self.api_keys and not self.allow_anonymous:
            from rerank.errors import InputError

            raise InputError(
                f"--host {self.host} lets other machines in without a key: set {PREFIX}API_KEYS=KEY[,KEY…], "
                "or pass --allow-anonymous if that is meant"
            )
