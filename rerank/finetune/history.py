"""How training went: losses and validations step by step, as a file, a picture, and for TensorBoard."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rerank.errors import InputError

HISTORY_FILE, CURVES_FILE, LOGS = "history.jsonl", "curves.png", "logs"
NO_WRITER = "training logs need tensorboardX, which is not installed: pip install 'veralens[finetune]'"


@dataclass(frozen=True)
class Validation:
    """The held-out rows after some step."""

    step: int
    epoch: int
    loss: float
    accuracy: float
    f1: float

    def better_than(self, other: Validation | None) -> bool:
        """More right, or as many at a lower loss."""
        return other is None or (self.accuracy, -self.loss) > (other.accuracy, -other.loss)


@dataclass(frozen=True)
class Step:
    """One optimiser step."""

    step: int
    epoch: int
    loss: float
    rate: float


@dataclass
class History:
    """Everything that a run has measured of itself."""

    steps: list[Step] = field(default_factory=list)
    validations: list[Validation] = field(default_factory=list)

    @property
    def best(self) -> Validation | None:
        """The best validation so far."""
        found: Validation | None = None
        for one in self.validations:
            found = one if one.better_than(found) else found
        return found

    @property
    def since_best(self) -> int:
        """Validations since the best one."""
        best = self.best
        return 0 if best is None else len(self.validations) - 1 - self.validations.index(best)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> History:
        """The reverse of ``to_dict``."""
        return cls([Step(**one) for one in value["steps"]], [Validation(**one) for one in value["validations"]])

    def write(self, folder: Path) -> None:
        """Write HISTORY_FILE: one JSON object a line, in the order in which things happened."""
        events = [(one.step, 0, {"kind": "step", **asdict(one)}) for one in self.steps]
        events += [(one.step, 1, {"kind": "validation", **asdict(one)}) for one in self.validations]
        lines = [json.dumps(event) for _, _, event in sorted(events, key=lambda event: event[:2])]
        temporary = folder / (HISTORY_FILE + ".tmp")
        temporary.write_text("".join(line + "\n" for line in lines))
        temporary.replace(folder / HISTORY_FILE)


class TensorBoardLog:
    """The same figures as TensorBoard reads them; what a killed run wrote after its checkpoint is superseded."""

    def __init__(self, folder: Path, step: int) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise InputError(NO_WRITER) from error
        self._writer = SummaryWriter(os.fspath(folder), purge_step=step + 1 if step else None)

    def step(self, one: Step) -> None:
        """A training step."""
        self._writer.add_scalar("train/loss", one.loss, one.step)
        self._writer.add_scalar("train/learning_rate", one.rate, one.step)

    def validation(self, one: Validation) -> None:
        """A validation."""
        for name in ("loss", "accuracy", "f1"):
            self._writer.add_scalar(f"validation/{name}", getattr(one, name), one.step)
        self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


def draw_curves(history: History, path: Path, title: str) -> None:
    """Loss of training and validation on the left, validation accuracy on the right, over steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.9), facecolor="white", layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", size=12, weight="bold", parse_math=False)
    losses, accuracies = figure.subplots(1, 2)
    steps = [one.step for one in history.steps]
    losses.plot(steps, [one.loss for one in history.steps], color="#c5cdd8", linewidth=0.8)
    losses.plot(steps, _smooth([one.loss for one in history.steps]), color="#6b7785", label="training")
    places = [one.step for one in history.validations]
    losses.plot(
        places, [one.loss for one in history.validations], color="#0f6cbd", marker="o", ms=3, label="validation"
    )
    accuracies.plot(places, [one.accuracy for one in history.validations], color="#0f6cbd", marker="o", ms=3)
    best = history.best
    if best is not None:
        accuracies.plot([best.step], [best.accuracy], color="#c2410c", marker="o", ms=7)
        # Away from the border it lies near.
        side = "right" if best.step > (places[0] + places[-1]) / 2 else "left"
        accuracies.annotate(
            f"best {best.accuracy:.3f}", (best.step, best.accuracy), (0, 8), textcoords="offset points", ha=side
        )
    accuracies.set_ylim(0, 1.1)
    for axes, name in ((losses, "loss"), (accuracies, "validation accuracy")):
        axes.set_title(name, loc="left", size=10)
        axes.set_xlabel("optimiser step", size=9)
        axes.grid(color="#e4e8ed", linewidth=0.8)
        axes.set_axisbelow(True)
        for spine in ("top", "right"):
            axes.spines[spine].set_visible(False)
    losses.set_ylim(bottom=0)
    losses.legend(frameon=False, fontsize=9)
    temporary = path.with_name(path.name + ".tmp")
    figure.savefig(temporary, format="png", dpi=130)
    temporary.replace(path)


def _smooth(values: list[float], weight: float = 0.9) -> list[float]:
    """Running mean, corrected for its beginning."""
    found, mean = [], 0.0
    for count, value in enumerate(values, start=1):
        mean = weight * mean + (1 - weight) * value
        found.append(mean / (1 - weight**count))
    return found
