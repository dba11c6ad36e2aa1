"""From three probabilities to a decision: accept, reject, or have a person look."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from rerank.audit.types import Decision
from rerank.errors import InputError
from rerank.types import Entailment


@dataclass(frozen=True)
class Policy:
    """Accepts what is entailed surely enough, rejects what is contradicted surely enough; a person sees the rest.

    Args:
        accept_above: the least entailment that is accepted.
        reject_above: the least contradiction that is rejected.
        reject_below: entailment below this is rejected as well, whatever speaks against it; 0 rejects nothing.

    What would be both accepted and rejected goes to review. A threshold above 1 is never reached.
    """

    accept_above: float = 0.5
    reject_above: float = 0.5
    reject_below: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.01:
                raise InputError(f"policy: {name} must be a probability, from 0 to 1, not {value!r}")
        if self.reject_below > self.accept_above:
            raise InputError(
                f"policy: reject_below ({self.reject_below:g}) must not lie above accept_above ({self.accept_above:g})"
            )

    def decide(self, verdict: Entailment) -> Decision:
        """What to do with a row of this verdict."""
        accepted = verdict.entailment >= self.accept_above
        rejected = verdict.contradiction >= self.reject_above or verdict.entailment < self.reject_below
        if accepted == rejected:
            return "review"
        return "accept" if accepted else "reject"

    @classmethod
    def of(cls, values: Mapping[str, Any], source: str = "policy") -> Self:
        """A policy of named thresholds; what ``fitted`` tells beside them is passed over.

        Raises:
            InputError: a name is not known, or a value is no probability.
        """
        known = [field.name for field in fields(cls)]
        unknown = [name for name in values if name not in (*known, "fitted")]
        if unknown:
            raise InputError(f"{source}: {unknown[0]!r} is not one of {', '.join(known)}")
        return cls(**{name: value for name, value in values.items() if name in known})

    @classmethod
    def read(cls, path: Path) -> Self:
        """A policy from a JSON file.

        Raises:
            InputError: it cannot be read, or is none.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; name a JSON file with accept_above and reject_above") from None
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: is not JSON: {error}") from None
        if not isinstance(values, dict):
            raise InputError(f"{path}: must hold one object with accept_above and reject_above")
        return cls.of(values, str(path))
