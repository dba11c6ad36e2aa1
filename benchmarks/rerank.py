"""How fast pairs are judged, as ratios to the reference implementation measured in the same run.

One text on many pictures, read from JPEG files: pictures never seen before, and pictures whose tokens are
in the cache. ``python -m benchmarks.rerank --help``; README.md says how to get the reference.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.ofa_sizes import SIZES, model_directory
from benchmarks.pictures import picture_files
from benchmarks.processes import Result, Setup, Task, run_in_turn
from benchmarks.progress import say

REFERENCE = "reference, one pair at a time"
CACHE = Path.home() / ".cache" / "veralens-benchmarks"
MODES = {"fresh": "first-seen", "cached": "tokens cached"}
HEADER = ("model", "threads", "", "pairs/s", "× reference", "CPU-s/pair", "× reference", "peak GiB")
WIDTHS = (7, 7, 30, 8, 11, 10, 11, 8)
# Pairs for the reference in one measurement: seconds for the small, and enough of the large.
REFERENCE_PAIRS = {"tiny": 8, "base": 3, "large": 1}


def common_arguments(description: str | None) -> argparse.ArgumentParser:
    """What this benchmark and ``steps`` share."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES), help="default: all")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="default: 1 2")
    parser.add_argument("--images", type=int, default=32, help="pictures for one text (default: 32)")
    parser.add_argument("--repeat", type=int, default=3, help="rounds, of which the median counts (default: 3)")
    parser.add_argument("--quick", action="store_true", help="at most 8 pictures, one round")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"models and pictures lie here (default: {CACHE})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The arguments, with ``--quick`` applied."""
    options = parser.parse_args()
    if options.quick:
        options.images, options.repeat = min(options.images, 8), 1
    return options


def main() -> None:
    parser = common_arguments(__doc__)
    parser.add_argument("--precisions", nargs="+", choices=("fp32", "bf16"), default=["fp32", "bf16"])
    parser.add_argument("--reference-python", help="a Python that has the reference; without it ratios are not run")
    parser.add_argument("--bundled", action="store_true", help="the bundled model on 100 catalogue pictures instead")
    options = parse(parser)
    print(row(HEADER))
    figures = []
    for threads in [2] if options.bundled else options.threads:
        for size in ["bundled"] if options.bundled else options.sizes:
            say(f"{size}, {threads} thread{'s' if threads > 1 else ''}")
            chosen = bundled_tasks(options) if options.bundled else tasks(options, size, threads)
            results = run_in_turn(chosen, options.repeat)
            for result in results:
                print(row((size, str(threads), *cells(result, results))), flush=True)
                if options.bundled:
                    print(f"{'':18}100 pictures in {100 * result.seconds:.1f} s")
                figures.append({"model": size, "threads": threads, **asdict(result)})
    if options.json:
        write_json(options.json, figures)


def tasks(options: argparse.Namespace, size: str, threads: int) -> list[Task]:
    """The reference, where there is one, and ours in each precision."""
    model, images = str(model_directory(options.cache, size)), picture_files(options.cache, options.images)
    found = []
    if options.reference_python:
        setup = Setup(REFERENCE, model, images, threads, None, options.reference_python)
        found.append(Task(setup, ("fresh",), min(REFERENCE_PAIRS[size], options.images)))
    for precision in options.precisions:
        setup = Setup(f"ours, {precision}", model, images, threads, precision)
        found.append(Task(setup, tuple(MODES), options.images, warm=16))
    return found


def bundled_tasks(options: argparse.Namespace) -> list[Task]:
    """The bundled model in the precision it ships with; the reference cannot load its stem."""
    images = picture_files(options.cache, 100)
    setups = [Setup(f"ours, {precision}", "bundled", images, 2, precision) for precision in options.precisions]
    return [Task(setup, tuple(MODES), len(images), warm=len(images)) for setup in setups]


def cells(result: Result, results: Sequence[Result]) -> tuple[str, ...]:
    """A result's columns; ratios above 1 say how many times less time than the reference's it takes."""
    reference = next((one for one in results if one.name == REFERENCE), None)
    name = result.name if result is reference else f"{result.name}, {MODES[result.mode]}"
    wall = "not run" if reference is None else f"{reference.seconds / result.seconds:.1f}"
    cpu = "not run" if reference is None else f"{reference.cpu_seconds / result.cpu_seconds:.1f}"
    peak = f"{result.peak_bytes / 2**30:.2f}"
    return name, f"{1 / result.seconds:.2f}", wall, f"{result.cpu_seconds:.4f}", cpu, peak


def row(columns: Sequence[str]) -> str:
    """Columns padded to their widths; text to the left, figures to the right."""
    padded = [
        f"{text:<{width}}" if index in (0, 2) else f"{text:>{width}}"
        for index, (text, width) in enumerate(zip(columns, WIDTHS, strict=True))
    ]
    return "  ".join(padded).rstrip()


def write_json(path: Path, figures: list[dict[str, Any]]) -> None:
    """The figures with what they were measured on."""
    machine = {"system": platform.platform(), "python": platform.python_version(), "processor": processor()}
    path.write_text(json.dumps({"machine": machine, "figures": figures}, indent=1) + "\n", encoding="utf-8")


def processor() -> str:
    """The processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
