"""Filtered searches of the collection that ``benchmarks.search`` made: ``python -m benchmarks.search_filters``.

For filters that let a thousandth, a hundredth, a tenth and a half of a million images through: what the first search
with a filter takes, which asks the catalogue for the images that fit, what the next ones take, and how many of the
truly nearest they find.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search import CACHE, NEAREST, QUERIES
from retrieval.collection import Collection

# By the names that ``search_worker`` gave: image n is 004/0004711.jpg.
FILTERS: dict[str, Callable[[Any], Any]] = {
    "folder = pictures/007": lambda number: number // 1000 == 7,
    "path = */01?/*.jpg": lambda number: number // 10_000 == 1,
    "path = *7.jpg": lambda number: number % 10 == 7,
    "path = *[0-4].jpg": lambda number: number % 10 < 5,
}
HEADER = "| filter | lets through | first, CPU-ms | CPU-ms | p50 / p95 ms | recall@100 |\n|---|---|---|---|---|---|"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1_000_000, help="of the collection (default: 1000000)")
    parser.add_argument("--cache", type=Path, default=CACHE / "search", help="where `benchmarks.search` put it")
    parser.add_argument("--queries", type=int, default=50, help=f"how many are asked, up to {QUERIES} (default: 50)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    folder = options.cache / str(options.size)
    images = np.load(folder / "images.npy", mmap_mode="r")
    queries = np.load(folder / "queries.npy")[: options.queries]
    figures = {}
    print(HEADER)
    with Collection.open(folder / "veralens.index") as collection:
        for query in queries:
            collection.search(query, NEAREST)  # the catalogue's pages and the lists come into memory
        for words, fits in FILTERS.items():
            inside = np.flatnonzero(fits(np.arange(len(images))))
            figures[words] = asked(collection, words, queries, nearest(images, inside, queries)) | {"of": len(inside)}
            print(row(words, figures[words]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def nearest(images: Any, inside: Any, queries: Any) -> Any:
    """The numbers (queries, 100) of those of ``inside`` that are truly nearest."""
    best, numbers = np.zeros((len(queries), 0), dtype=np.float32), np.zeros((len(queries), 0), dtype=np.int64)
    for start in range(0, len(inside), 20_000):
        some = inside[start : start + 20_000]
        best = np.hstack([best, queries @ np.asarray(images[some], dtype=np.float32).T])
        numbers = np.hstack([numbers, np.broadcast_to(some, (len(queries), len(some)))])
        order = np.argsort(-best, axis=1)[:, :NEAREST]
        best, numbers = np.take_along_axis(best, order, axis=1), np.take_along_axis(numbers, order, axis=1)
    return numbers


def asked(collection: Collection, words: str, queries: Any, truth: Any) -> dict[str, float]:
    """CPU and wall time of searches with a filter, the first of them apart, and what they find."""
    cpu, wall, shares = [], [], []
    for query, right in zip([queries[0], *queries], [truth[0], *truth], strict=True):
        start, cpu_start = time.perf_counter(), time.process_time()
        found = collection.search(query, NEAREST, where=words)
        cpu.append(1e3 * (time.process_time() - cpu_start))
        wall.append(1e3 * (time.perf_counter() - start))
        shares.append(len({int(one.id[4:20], 16) for one in found} & set(right.tolist())) / len(right))
    p50, p95 = np.percentile(wall[1:], [50, 95])
    rest = {"cpu_ms": float(np.mean(cpu[1:])), "p50_ms": float(p50), "p95_ms": float(p95)}
    return {"first_cpu_ms": cpu[0], **rest, "recall": float(np.mean(shares[1:]))}


def row(words: str, found: dict[str, float]) -> str:
    """A line of the table."""
    times = f"{found['first_cpu_ms']:.0f} | {found['cpu_ms']:.1f} | {found['p50_ms']:.1f} / {found['p95_ms']:.1f}"
    return f"| `{words}` | {found['of']:,} | {times} | {found['recall']:.3f} |"


if __name__ == "__main__":
    main()
