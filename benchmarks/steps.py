"""What each speed-up gains: the time with it left out, as a ratio to the time with all of them, measured in turn.

``python -m benchmarks.steps --sizes tiny --threads 1``
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.ofa_sizes import model_directory
from benchmarks.pictures import picture_files
from benchmarks.processes import ALLOCATOR, Result, Setup, Task, run_in_turn
from benchmarks.rerank import MODES, common_arguments, parse, write_json


@dataclass(frozen=True)
class Variant:
    """A way to run the model: what of ``rerank.ofa.inference.Steps`` is changed, and what around it."""

    name: str
    steps: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: ALLOCATOR)


ALL = Variant("all of them")
# Processes that fit into 16 GiB beside that of all speed-ups.
TOGETHER = {"tiny": 9, "base": 4, "large": 2}
VARIANTS = (
    ALL,
    Variant("batch norms not folded", {"fold_norms": False}),
    Variant("projections not joined", {"join_projections": False}),
    Variant("cross-attention not absorbed", {"absorb_cross": False}),
    Variant("channels first", {"channels_last": False}),
    Variant("sequence not padded", {"sequence_multiple": 1}),
    Variant("one pair a batch", batch_size=1),
    Variant("the allocator as it comes", environment={}),
    Variant(
        "none of them",
        {"fold_norms": False, "join_projections": False, "absorb_cross": False, "channels_last": False}
        | {"sequence_multiple": 1},
        batch_size=1,
        environment={},
    ),
    Variant("compiled as well", {"compiled": True}),
)


def main() -> None:
    parser = common_arguments(__doc__)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="variants whose names have one of these words")
    options = parse(parser)
    figures = []
    for size in options.sizes:
        for threads in options.threads:
            print(f"{size}, {options.precision}, threads: {threads}")
            print(f"{'':30}" + "".join(f"{mode:>32}" for mode in MODES.values()))
            print(f"{'':30}" + f"{'CPU-s/pair':>14}{'× time':>9}{'× CPU':>9}" * len(MODES))
            for group in groups(size, options.only):
                results = run_in_turn(tasks(options, size, threads, group), options.repeat)
                for name in dict.fromkeys(result.name for result in results):
                    print(line(name, results), flush=True)
                figures += [{"model": size, "threads": threads, **asdict(result)} for result in results]
    if options.json:
        write_json(options.json, figures)


def groups(size: str, words: Sequence[str] | None) -> list[tuple[Variant, ...]]:
    """The chosen variants, as many together as fit into memory, each time with that of all speed-ups."""
    chosen = [one for one in VARIANTS[1:] if not words or any(word in one.name for word in words)]
    together = TOGETHER[size]
    return [(ALL, *chosen[start : start + together]) for start in range(0, len(chosen), together)]


def tasks(options: argparse.Namespace, size: str, threads: int, variants: Sequence[Variant]) -> list[Task]:
    """What is to be measured of each variant."""
    model, images = str(model_directory(options.cache, size)), picture_files(options.cache, options.images)
    found = []
    for one in variants:
        setup = Setup(
            one.name,
            model,
            images,
            threads,
            options.precision,
            batch_size=one.batch_size,
            steps=one.steps,
            environment=one.environment,
        )
        found.append(Task(setup, tuple(MODES), len(images), warm=16))
    return found


def line(name: str, results: Sequence[Result]) -> str:
    """CPU seconds a pair, and how many times the time and CPU time with all speed-ups, for both modes."""
    text = f"{name:30}"
    for mode in MODES:
        own = next(one for one in results if (one.name, one.mode) == (name, mode))
        base = next(one for one in results if (one.name, one.mode) == (ALL.name, mode))
        text += f"{own.cpu_seconds:14.4f}{own.seconds / base.seconds:9.2f}{own.cpu_seconds / base.cpu_seconds:9.2f}"
    return text


if __name__ == "__main__":
    main()
