"""Draw the training curves of both towers: `python -m recipes.curves`, to CACHE/curves.png."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from recipes.sources import DEFAULT_CACHE


def last_run(path: Path) -> list[dict[str, float]]:
    """The lines since the last restart from step one."""
    lines: list[dict[str, float]] = []
    for text in path.read_text().splitlines():
        line = json.loads(text)
        if lines and line["step"] <= lines[-1]["step"]:
            lines = []
        lines.append(line)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    options = parser.parse_args()
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4))
    tower = last_run(options.cache / "text_tower" / "curve.jsonl")
    left.plot([line["step"] for line in tower], [line["cosine"] for line in tower], marker=".")
    left.set(title="text tower", xlabel="step", ylabel="cosine with the teacher, unseen texts")
    head = last_run(options.cache / "encoder" / "curve.jsonl")
    for name in head[-1].keys() - {"step", "loss", "seconds"}:
        right.plot([line["step"] for line in head], [line.get(name, float("nan")) for line in head], label=name)
    right.set(title="image head", xlabel="step", ylabel="R@1, text to image")
    right.legend()
    figure.tight_layout()
    figure.savefig(options.cache / "curves.png", dpi=110)
    print(options.cache / "curves.png")


if __name__ == "__main__":
    main()
