"""One index in a process of its own: ``python -m benchmarks.search_worker build|search NAME FOLDER``.

The last line on stdout is JSON with the figures.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search_peers import PEERS, Peer

NEAREST, WANTED = 100, 0.97
WARM = 20
BATCH = 4096
Ask = Callable[[Any], list[int]]


def main() -> None:
    job, name, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    found = build(name, folder) if job == "build" else search(name, folder)
    print(json.dumps(found))


def build(name: str, folder: Path) -> dict[str, Any]:
    """Build it from the vectors, unless it lies there."""
    path = folder / f"{name}.index"
    images = np.load(folder / "images.npy", mmap_mode="r")
    if path.exists():
        return {"build_s": None, "build_cpu_s": None, "bytes": _bytes(path)}
    if name == "veralens":
        seconds, cpu = _build_collection(path, images, np.load(folder / "calibrating.npy"))
    else:
        start, cpu_start = time.perf_counter(), time.process_time()
        PEERS[name].build(images, path)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    return {"build_s": seconds, "build_cpu_s": cpu, "bytes": _bytes(path)}


def _build_collection(path: Path, images: Any, texts: Any) -> tuple[float, float]:
    """Enter the images, untimed, then build and publish their index, calibrated with ``texts`` as an encoder's are."""
    from retrieval.catalog_writer import FoundPath, ImageContent
    from retrieval.types import EncoderRecord
    from retrieval.writer import Addition, CollectionWriter

    with CollectionWriter.create_or_open(path, EncoderRecord("made up", images.shape[1], "0" * 32)) as writer:
        root = writer.put_root(b"/pictures")
        for start in range(0, len(images), BATCH):
            block = np.asarray(images[start : start + BATCH], dtype=np.float32)
            additions = []
            for number, vector in enumerate(block, start=start):
                content = ImageContent(number.to_bytes(8, "big") + bytes(24), 640, 480, "JPEG", 100_000)
                found = FoundPath(b"/pictures/%03d/%07d.jpg" % (number // 1000, number), root, 100_000, 0)
                additions.append(Addition(content, found, vector))
            writer.commit(additions)
        start_s, cpu = time.perf_counter(), time.process_time()
        writer.publish(lambda count, _: texts[:count])
        return time.perf_counter() - start_s, time.process_time() - cpu


def search(name: str, folder: Path) -> dict[str, Any]:
    """Load it and ask it every query, from one thread and from two."""
    queries, truth = np.load(folder / "queries.npy"), np.load(folder / "truth.npy")
    ask, what, timed = _ours(folder) if name == "veralens" else _peer(PEERS[name], name, folder, queries, truth)
    for query in queries[:WARM]:
        ask(query)
    found: dict[str, Any] = {"what": what, **timed, "resident": _resident() - timed["libraries"]}
    for word, threads in (("one_thread", 1), ("two_threads", 2)):
        found[word], answers = _times(ask, queries, threads)
    found["recall"] = _recall(answers, truth)
    found["resident_after"] = _resident() - timed["libraries"]
    return found


def _ours(folder: Path) -> tuple[Ask, str, dict[str, float]]:
    import retrieval.stores.faiss  # noqa: F401 - with its libraries before the first measurement
    from retrieval.collection import Collection
    from retrieval.manifest import read_manifest

    libraries = _resident()
    start = time.perf_counter()
    collection = Collection.open(folder / "veralens.index")
    load = time.perf_counter() - start

    def ask(query: Any) -> list[int]:
        return [int(one.id[4:20], 16) for one in collection.search(query, NEAREST)]

    queries = np.load(folder / "queries.npy")
    start = time.perf_counter()
    ask(queries[0])
    first = time.perf_counter() - start
    manifest = read_manifest(folder / "veralens.index")
    assert manifest is not None
    record = manifest.indexes[0]
    what = record.kind
    if "nprobe" in record.parameters:
        what += f", {record.parameters['nprobe']} of {record.parameters['nlist']} lists"
    return ask, what, {"load_s": load, "first_s": first, "libraries": libraries}


def _peer(peer: Peer, name: str, folder: Path, queries: Any, truth: Any) -> tuple[Ask, str, dict[str, float]]:
    peer.prepare()
    libraries = _resident()
    start = time.perf_counter()
    index = peer.load(folder / f"{name}.index")
    load = time.perf_counter() - start
    start = time.perf_counter()
    peer.ask(index, queries[0], 100)
    first = time.perf_counter() - start
    effort = 100
    while effort < 6400 and _recall([peer.ask(index, query, effort) for query in queries[::2]], truth[::2]) < WANTED:
        effort = int(1.25 * effort)
    ask: Ask = lambda query: peer.ask(index, query, effort)  # noqa: E731
    what = peer.what if name == "faiss" else f"{peer.what}, ef {effort}"
    return ask, what, {"load_s": load, "first_s": first, "libraries": libraries}


def _times(ask: Ask, queries: Any, threads: int) -> tuple[dict[str, float], list[list[int]]]:
    def timed(query: Any) -> tuple[float, list[int]]:
        start = time.perf_counter()
        answer = ask(query)
        return time.perf_counter() - start, answer

    cpu, start = time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        taken = list(pool.map(timed, queries))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - start
    p50, p95 = np.percentile([seconds for seconds, _ in taken], [50, 95])
    figures = {"p50_ms": 1e3 * p50, "p95_ms": 1e3 * p95, "cpu_ms": 1e3 * cpu / len(taken), "qps": len(taken) / wall}
    return figures, [answer for _, answer in taken]


def _recall(answers: list[list[int]], truth: Any) -> float:
    shares = [len(set(answer) & set(right.tolist())) / len(right) for answer, right in zip(answers, truth, strict=True)]
    return float(np.mean(shares))


def _resident() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def _bytes(path: Path) -> int:
    """Of a collection its index alone, so that it can be compared."""
    files = list((path / "index").iterdir()) if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


if __name__ == "__main__":
    main()
