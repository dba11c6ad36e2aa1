"""How a model is fine-tuned: every number in one place, from a TOML file, from flags, or from Python."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

from rerank.errors import InputError
from rerank.hardware import Precision

Scaling = Literal["sqrt", "linear", "none"]
# The batch that ``learning_rate`` is meant for.
REFERENCE_BATCH = 4


@dataclass(frozen=True)
class FinetuneSettings:
    """LoRA and its training. The defaults follow the usual recipe for OFA: rank 8 on query and value."""

    # LoRA (Hu et al., 2021): W + alpha / r · B · A on the named projections.
    r: int = 8
    alpha: float = 16.0
    dropout: float = 0.1
    targets: tuple[str, ...] = ("q_proj", "v_proj")
    # Train the head in full as well: the decoder's last feed-forward block and the norms around it.
    head: bool = False

    epochs: int = 20
    batch_size: int = 4
    accumulate: int = 1
    # At an effective batch of 4; scaled to the one at hand (Malladi et al., 2022: by the root for Adam).
    learning_rate: float = 2e-4
    scaling: Scaling = "sqrt"
    warmup: float = 0.06
    weight_decay: float = 0.01
    clip: float = 1.0
    # Weigh each class by how rare it is.
    balance: bool = False

    validation_share: float = 0.2
    # Validations (one an epoch) without a better one until training stops; 0 never stops early.
    patience: int = 5
    seed: int = 0
    precision: Precision = "auto"
    checkpoint_minutes: float = 5.0
    # Bytes of memory that image tokens may take; what does not fit is encoded again each time.
    cache_bytes: int = 4 * 2**30

    def __post_init__(self) -> None:
        for name in ("r", "alpha", "epochs", "batch_size", "accumulate", "learning_rate"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name} must be above 0, not {getattr(self, name)}")
        for name, most in (("dropout", 1.0), ("warmup", 1.0), ("validation_share", 1.0)):
            if not 0.0 <= getattr(self, name) < most:
                raise InputError(f"{name} must be at least 0 and less than {most:g}, not {getattr(self, name)}")
        for name in ("weight_decay", "clip", "patience", "seed", "cache_bytes", "checkpoint_minutes"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must not be negative, but is {getattr(self, name)}")
        for name, known in (("scaling", get_args(Scaling)), ("precision", get_args(Precision))):
            if getattr(self, name) not in known:
                raise InputError(f"{name} = {getattr(self, name)!r} is not one of {', '.join(known)}")
        if not self.targets:
            raise InputError("targets names no projection; the usual ones are q_proj and v_proj")

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """The settings in a TOML file, whose keys are this class's fields; the others keep their defaults."""
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: is not TOML ({error})") from error
        return cls().changed(values, str(path))

    def changed(self, values: dict[str, Any], source: str = "settings") -> Self:
        """These settings with ``values`` in place of their own; InputError names what is unknown or of a wrong type."""
        known = {one.name: getattr(FinetuneSettings, one.name) for one in fields(self)}
        converted: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise InputError(f"{source}: {name} is no setting; there are {', '.join(known)}")
            converted[name] = _converted(name, value, known[name], source)
        return replace(self, **converted)

    def rate_for(self, batch: int) -> float:
        """The learning rate at an effective batch of ``batch`` pairs (over accumulation and processes)."""
        ratio = batch / REFERENCE_BATCH
        factors: dict[Scaling, float] = {"none": 1.0, "linear": ratio, "sqrt": math.sqrt(ratio)}
        return self.learning_rate * factors[self.scaling]


def _converted(name: str, value: Any, default: Any, source: str) -> Any:
    if isinstance(default, tuple):
        if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
            return tuple(value)
        raise InputError(f"{source}: {name} must be a list of names, not {value!r}")
    if isinstance(default, bool) or isinstance(value, bool):
        if isinstance(default, bool) and isinstance(value, bool):
            return value
    elif isinstance(default, float) and isinstance(value, int | float):
        return float(value)
    elif isinstance(value, type(default)):
        return value
    raise InputError(f"{source}: {name} must be of the kind of {default!r}, not {value!r}")
