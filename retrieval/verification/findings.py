"""What a verification finds: broken promises, and files that nothing needs any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

Progress = Callable[[int, int], None]
HEAL = "index the folders again: what is damaged is made anew"
REPUBLISH = "index the folders again: it is written anew"
REBUILD = "move the collection away and index the folders into a new one"


@dataclass(frozen=True)
class Problem:
    """A broken promise: in which file, how often, the first case in words, and what to do about it."""

    file: str
    promise: str
    detail: str
    remedy: str
    count: int = 1

    def __str__(self) -> str:
        more = f" (and {self.count - 1} more)" if self.count > 1 else ""
        return f"{self.file}: {self.promise}: {self.detail}{more}. {self.remedy[0].upper()}{self.remedy[1:]}"


@dataclass(frozen=True)
class Leftover:
    """A file, or part of one, that nothing needs any more: a killed writer's, or what compacting would free."""

    file: str
    bytes: int
    reason: str


@dataclass(frozen=True)
class Verification:
    """The result: ``sound`` when no promise is broken. ``checked`` counts what was looked at, by its name."""

    generation: int
    problems: tuple[Problem, ...]
    leftovers: tuple[Leftover, ...]
    checked: dict[str, int]
    seconds: float

    @property
    def sound(self) -> bool:
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """The result as it goes into JSON."""
        return {
            "sound": self.sound,
            "generation": self.generation,
            "problems": [asdict(one) for one in self.problems],
            "leftovers": [asdict(one) for one in self.leftovers],
            "checked": self.checked,
            "seconds": round(self.seconds, 3),
        }


class Findings:
    """Collects problems, those of one file and promise together, and counts what was looked at."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.leftovers: list[Leftover] = []
        self.checked: dict[str, int] = {}
        self.total = 0
        self._done = 0
        self._progress = progress
        self._problems: dict[tuple[str, str], Problem] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(self._problems.values())

    def problem(self, file: str, promise: str, detail: str, remedy: str, count: int = 1) -> None:
        """Note a broken promise; the first case of each is told, the others are counted."""
        before = self._problems.get((file, promise))
        if before is None:
            self._problems[file, promise] = Problem(file, promise, detail, remedy, count)
        else:
            self._problems[file, promise] = replace(before, count=before.count + count)

    def looked_at(self, what: str, count: int) -> None:
        """Count ``count`` more of ``what`` as looked at."""
        self.checked[what] = self.checked.get(what, 0) + count
        self._done += count
        if self._progress is not None:
            self._progress(min(self._done, self.total), self.total)
