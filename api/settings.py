"""Everything that can be set from outside, with its defaults.

Precedence: command-line flags, then ``VERALENS_*`` variables, then the file that ``--config`` or ``VERALENS_CONFIG``
names, then the defaults below. docs/operations.md says what each is for, and a test holds the two together.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from api.config import PREFIX, Sources
from api.keys import NAME, STORED, KeyRing
from rerank.errors import InputError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
Seconds = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
# In the environment between commas, in the file a list.
Names = Annotated[tuple[str, ...], NoDecode]
_sources: ContextVar[Sources | None] = ContextVar("sources", default=None)


class Settings(BaseSettings):
    """The service's settings; ``VERALENS_PORT=9000`` sets ``port``, and so on."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    collection: Path | None = None
    encoder: str | None = None
    reranker: str | None = "auto"
    adapter: Path | None = None
    device: str | None = None
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    fusion_weight: Annotated[float, Field(ge=0.0, le=1.0)] | None = None

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    keys: dict[str, SecretStr] = {}
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    allow_anonymous: bool = False
    allowed_hosts: Names = ()
    cors_origins: Names = ()
    trusted_proxies: Names = ()

    max_connections: Annotated[int, Field(ge=1)] = 512
    header_seconds: Seconds = 10.0
    body_seconds: Seconds = 30.0
    write_seconds: Seconds = 30.0
    keep_alive_seconds: Seconds = 60.0

    max_body_bytes: Annotated[int, Field(ge=1024)] = 20 * 2**20
    max_pixels: Annotated[int, Field(ge=1)] = 50_000_000
    decode_seconds: Annotated[float, Field(gt=0.0)] = 10.0
    decode_processes: Annotated[int, Field(ge=1)] | None = None
    fetch: Literal["off", "hosts", "guarded"] = "off"
    fetch_hosts: Names = ()
    fetch_private: bool = False
    allow_uploads: bool | None = None
    allow_deletes: bool | None = None
    max_documents: Annotated[int, Field(ge=1)] = 1_000
    max_queue: Annotated[int, Field(ge=1)] = 32
    shutdown_seconds: Annotated[int, Field(ge=1)] = 25
    stuck_seconds: Seconds = 300.0
    min_free_bytes: Annotated[int, Field(ge=0)] = 128 * 2**20

    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    audit_dir: Path | None = None
    max_audit_rows: Annotated[int, Field(ge=1)] = 10_000
    max_audits: Annotated[int, Field(ge=1)] = 8
    keep_audits: Annotated[int, Field(ge=0)] = 20
    keep_audit_hours: Annotated[float, Field(gt=0.0)] = 24.0

    cache_dir: Path = Field(default_factory=lambda: platformdirs.user_cache_path("veralens"))
    examples: tuple[str, ...] = ()
    debug: bool = False

    @field_validator("api_keys", "allowed_hosts", "cors_origins", "trusted_proxies", "fetch_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """``VERALENS_API_KEYS=one,two``."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("keys")
    @classmethod
    def _digests(cls, keys: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, digest in keys.items():
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r}: a key's name is letters, digits, dots, dashes and underscores, at most 64")
            if not STORED.fullmatch(digest.get_secret_value()):
                raise ValueError(f"{name}: must be sha256: and 64 hex digits, as `veralens keys new {name}` prints")
        return keys

    @classmethod
    def settings_customise_sources(  # its signature is pydantic-settings'
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, environment, file: the first that names a setting counts. No .env, no folder of secrets."""
        sources = _sources.get()
        if sources is None:
            return init_settings, env_settings
        return init_settings, env_settings, InitSettingsSource(settings_cls, dict(sources.file))

    @classmethod
    def load(cls, config: Path | None = None, /, **flags: Any) -> Self:
        """Settings from the flags that are not None, the environment and the file.

        Args:
            config: the file; None takes the one that ``VERALENS_CONFIG`` names, if it does.
            flags: settings by name.

        Raises:
            InputError: a value is wrong; the message names its flag, its variable, or the file and the setting there.
        """
        sources = Sources.of(config, flags)
        token = _sources.set(sources)
        try:
            return cls(**sources.flags)
        except ValidationError as error:
            raise InputError(_told(error, sources)) from None
        except SettingsError as error:
            raise InputError(f"{_unread(error)}: must be JSON: {error.__cause__}") from None
        finally:
            _sources.reset(token)

    def key_ring(self) -> KeyRing:
        """The keys that open the door."""
        kept = {name: digest.get_secret_value() for name, digest in self.keys.items()}
        return KeyRing(kept, [key.get_secret_value() for key in self.api_keys])

    @property
    def audits_dir(self) -> Path:
        """Where audits are kept."""
        return self.audit_dir or self.cache_dir / "audits"

    @property
    def uploads_allowed(self) -> bool:
        """Whether pictures may be sent into the collection; by default where no stranger can ask."""
        return self._known_people if self.allow_uploads is None else self.allow_uploads

    @property
    def deletes_allowed(self) -> bool:
        """Whether pictures may be taken out of it; by default where no stranger can ask."""
        return self._known_people if self.allow_deletes is None else self.allow_deletes

    @property
    def _known_people(self) -> bool:
        return self.host in LOOPBACK or len(self.key_ring()) > 0

    def check_door(self) -> None:
        """Refuse to serve strangers without keys unless told so.

        Raises:
            InputError: the host is not loopback, no keys are set, and ``allow_anonymous`` is not.
        """
        if self.host not in LOOPBACK and not len(self.key_ring()) and not self.allow_anonymous:
            raise InputError(
                f"--host {self.host} lets other machines in without a key: make one with `veralens keys new NAME`, "
                f"or set {PREFIX}API_KEYS=KEY[,KEY…], or pass --allow-anonymous if that is meant"
            )


def _told(error: ValidationError, sources: Sources) -> str:
    """The first fault in one line, led by where it is to be mended."""
    first = error.errors(include_url=False, include_input=False)[0]
    field, *inside = [str(part) for part in first["loc"]] or [""]
    if first["type"] == "extra_forbidden":
        return sources.unknown(field, Settings.model_fields)
    place = ".".join([sources.name(field), *inside])
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"


def _unread(error: SettingsError) -> str:
    """The variable whose value is not JSON; pydantic-settings names its field only in its message."""
    field = re.search(r'field "(\w+)"', str(error))
    return PREFIX + field[1].upper() if field else "the environment"
