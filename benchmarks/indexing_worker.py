"""One stage of indexing, or all of it, in a process of its own: ``python -m benchmarks.indexing_worker`` + JSON.

Prints one line: {"images", "seconds", "cpu_seconds", "peak_bytes"}; loading a model is not part of it.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from PIL import Image


def main() -> None:
    task = json.loads(sys.argv[1])
    folders = [Path(folder) for folder in task["folders"]]
    measured = {"encode": encode, "decode": decode, "index": index}[task["stage"]](task, folders)
    print(json.dumps(measured), flush=True)


def encode(task: dict[str, Any], _: Sequence[Path]) -> dict[str, float]:
    """The bare model on tensors that lie ready."""
    import torch

    from retrieval.encoder import load_encoder

    encoder = load_encoder(task["encoder"])
    batch = torch.randn(32, 3, encoder.image_size, encoder.image_size).to(encoder._dtype)
    forward = encoder._model.encode_image
    encoder._run(forward, batch, torch.channels_last)
    start = _now()
    for _ in range(max(1, task["images"] // 32)):
        encoder._run(forward, batch, torch.channels_last)
    return _since(start, max(1, task["images"] // 32) * 32)


def decode(_: dict[str, Any], folders: Sequence[Path]) -> dict[str, float]:
    """Bare Pillow, scaling on load, on all processors."""
    files = [file for folder in folders for file in sorted(folder.iterdir())]
    # Not from a fork server, whose children are not ours to count.
    with get_context("spawn").Pool(os.cpu_count()) as pool:
        pool.map(_decode, files[:4])
        start = _now()
        done = sum(pool.imap_unordered(_decode, files, chunksize=4))
        pool.close()
        pool.join()
    return _since(start, done)


def _decode(path: Path) -> int:
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        image.draft("RGB", (336, 336))  # as `indexer.embedding` has it
        image.convert("RGB").tobytes()
    return 1


def index(task: dict[str, Any], folders: Sequence[Path]) -> dict[str, float]:
    """All of it, into a new collection."""
    from indexer import build_collection
    from rerank.hardware import keep_freed_memory
    from retrieval.encoder import load_encoder

    keep_freed_memory()
    encoder = load_encoder(task["encoder"])
    encoder.encode_images([Image.new("RGB", (448, 448))] * 32)
    with tempfile.TemporaryDirectory(dir=task["scratch"]) as directory:
        start = _now()
        report = build_collection(folders, Path(directory) / "c", encoder=encoder)
    assert not report.failed
    return _since(start, report.added)


def _now() -> tuple[float, float]:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return time.perf_counter(), sum(one.ru_utime + one.ru_stime for one in used)


def _since(start: tuple[float, float], images: int) -> dict[str, float]:
    wall, cpu = _now()
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "images": images,
        "seconds": wall - start[0],
        "cpu_seconds": cpu - start[1],
        "peak_bytes": peak,
    }


if __name__ == "__main__":
    main()
