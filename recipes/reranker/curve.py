"""The training curve as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def plot_curve(curve: Sequence[dict[str, float]], path: Path) -> None:
    """Loss and the three-way accuracies over minutes of training."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    minutes = [entry["minutes"] for entry in curve]
    left.plot(minutes, [entry["loss"] for entry in curve], marker="o")
    left.set(xlabel="minutes", ylabel="cross-entropy", title="training loss")
    for name in ("single", "double", "named", "bound"):
        if name in curve[-1]:
            right.plot(minutes, [entry.get(name, float("nan")) for entry in curve], marker="o", label=name)
    right.set(xlabel="minutes", ylabel="accuracy", title="unseen pictures: three-way, swaps", ylim=(0.3, 1.0))
    right.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
