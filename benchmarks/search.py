"""Stage one at 10,000, 100,000 and a million images: build, load, memory, recall and time, beside two peers.

``python -m benchmarks.search --help``. Ours is a whole collection on disk, asked through ``Collection.search``:
catalogue, checksums and rescoring included. The peers are bare indexes in memory, hnswlib and usearch, if they
are installed; each is searched as widely as it takes for the same recall. Every one runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.progress import say
from benchmarks.rerank import processor
from benchmarks.vectors import DIMENSION, World

ROOT = Path(__file__).parent.parent
CACHE = Path.home() / ".cache" / "veralens-benchmarks"
SIZES = (10_000, 100_000, 1_000_000)
QUERIES, NEAREST = 200, 100
CALIBRATING = 384  # other texts, which the index is calibrated with
PEERS = ("faiss", "hnswlib", "usearch")
HEADER = (
    "| images | | build s (CPU) | on disk MB | load s | first s | resident MB | recall@100 | CPU-ms | p50 / p95 ms | "
    "p50 / p95 ms, 2 threads |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES), help="default: 10000 100000 1000000")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS), help="default: all")
    parser.add_argument(
        "--peers-to",
        type=int,
        default=100_000,
        help="larger ones are not built by peers (default: 100000; hours above)",
    )
    parser.add_argument("--cache", type=Path, default=CACHE / "search", help="vectors and collections lie here")
    parser.add_argument("--fresh", action="store_true", help="build what lies there anew")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    print(HEADER)
    figures = []
    for size in options.sizes:
        folder = options.cache / str(size)
        if options.fresh and folder.exists():
            shutil.rmtree(folder)
        make_vectors(folder, size)
        for name in ("veralens", *(options.peers if size <= options.peers_to else ())):
            found = measured(name, folder)
            figures.append({"images": size, "name": name} | found)
            print(row(size, name, found), flush=True)
    if options.json:
        machine = {"processor": processor(), "cores": os.cpu_count()}
        options.json.write_text(json.dumps({"machine": machine, "figures": figures}, indent=1) + "\n")


def make_vectors(folder: Path, size: int) -> None:
    """Images and queries, and what is truly nearest to each query, made once."""
    if (folder / "truth.npy").exists():
        return
    say(f"  making {size:,} vectors")
    folder.mkdir(parents=True, exist_ok=True)
    world = World(size)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.float16, (size, DIMENSION))
    queries = world.texts(QUERIES)
    best = np.zeros((QUERIES, 0), dtype=np.float32)
    keys = np.zeros((QUERIES, 0), dtype=np.int64)
    for start in range(0, size, 20_000):
        block = world.images(min(20_000, size - start)).astype(np.float16)
        images[start : start + len(block)] = block
        best = np.hstack([best, queries @ block.astype(np.float32).T])
        keys = np.hstack([keys, np.broadcast_to(np.arange(start, start + len(block)), (QUERIES, len(block)))])
        order = np.argsort(-best, axis=1)[:, :NEAREST]
        best, keys = np.take_along_axis(best, order, axis=1), np.take_along_axis(keys, order, axis=1)
    images.flush()
    np.save(folder / "queries.npy", queries)
    np.save(folder / "calibrating.npy", World(size).drawn_again(seed=1).texts(CALIBRATING))
    np.save(folder / "truth.npy", keys)


def measured(name: str, folder: Path) -> dict[str, Any]:
    """Build in one process, load and search in another."""
    found: dict[str, Any] = {}
    for job in ("build", "search"):
        say(f"  {name}: {job}")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "PASSIVE"}
        command = [sys.executable, "-m", "benchmarks.search_worker", job, name, str(folder)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
        found |= json.loads(done.stdout.splitlines()[-1])
    return found


def row(size: int, name: str, found: dict[str, Any]) -> str:
    """A line of the table."""
    seconds = "as before" if found["build_cpu_s"] is None else f"{found['build_s']:.0f} ({found['build_cpu_s']:.0f})"
    one, two = found["one_thread"], found["two_threads"]
    columns = (
        f"{size:,}",
        f"{name}, {found['what']}",
        seconds,
        f"{found['bytes'] / 1e6:.0f}",
        f"{found['load_s']:.2f}",
        f"{found['first_s']:.3f}",
        f"{found['resident'] / 1e6:.0f} + {found['libraries'] / 1e6:.0f}",
        f"{found['recall']:.3f}",
        f"{one['cpu_ms']:.2f}",
        f"{one['p50_ms']:.2f} / {one['p95_ms']:.2f}",
        f"{two['p50_ms']:.2f} / {two['p95_ms']:.2f}",
    )
    return "| " + " | ".join(columns) + " |"


if __name__ == "__main__":
    main()
