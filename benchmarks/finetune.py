"""What an adapter of a published size costs: its file, memory and time of one training step, at random weights.

`python -m benchmarks.finetune --size large`: four drawn pictures, one optimiser step of a batch of 4 at 480 × 480
pixels, a validation, and the adapter as it is kept.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import tempfile
import time
from pathlib import Path

from benchmarks.ofa_sizes import SIZES, model_directory
from benchmarks.pictures import picture_files
from benchmarks.rerank import CACHE
from rerank.finetune.pairs import read_pairs
from rerank.finetune.run import finetune, prepare
from rerank.finetune.settings import FinetuneSettings

STATEMENTS = (("a blue shirt", "yes"), ("two red boots", "no"), ("a shirt that was cheap", "maybe"), ("a dog", "no"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="large")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--head", action="store_true", help="the head in full as well")
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    pictures = [Path(path).resolve() for path in picture_files(options.cache, 8)]
    model = model_directory(options.cache, options.size)
    settings = FinetuneSettings(epochs=1, batch_size=options.batch_size, precision=options.precision, head=options.head)
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(read_pairs(_table(Path(folder), pictures, options.batch_size)), settings)
        before = _peak()
        wall, processor = time.monotonic(), time.process_time()
        done = finetune(prepared, Path(folder) / "adapter", base=str(model), settings=settings)
        figures = {
            "size": options.size,
            "steps": done.record["steps"],
            "loss": round(done.history.steps[0].loss, 4),
            "trained_parameters": done.record["parameters"]["trained"],
            "adapter_mb": round((Path(folder) / "adapter" / "adapter_model.safetensors").stat().st_size / 1e6, 2),
            "peak_gib": round(_peak() / 2**30, 2),
            "peak_before_gib": round(before / 2**30, 2),
            "seconds": round(time.monotonic() - wall, 1),
            "cpu_seconds": round(time.process_time() - processor, 1),
        }
    print(json.dumps(figures, indent=1))


def _table(folder: Path, pictures: list[Path], batch: int) -> Path:
    """One batch to train on and one pair to validate with."""
    with (folder / "pairs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("image_path", "premise", "hypothesis", "label", "split"))
        for number in range(batch):
            table.writerow((pictures[number % 7], "", *STATEMENTS[number % 4], "train"))
        table.writerow((pictures[7], "", *STATEMENTS[0], "validation"))
    return folder / "pairs.csv"


def _peak() -> int:
    """The most memory that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
