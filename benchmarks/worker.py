"""One implementation in a process of its own, told on stdin what to time; run by ``benchmarks.processes``.

First line: the setup. Then a line per measurement: {"mode": "fresh" | "cached" | "warm", "pairs": n}. Every
answer is a line on stdout: {"seconds", "cpu_seconds", "pairs", "peak_bytes"}.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Judge = Callable[[list[Path]], object]


def main() -> None:
    # Whatever a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    setup = json.loads(sys.stdin.readline())
    if hasattr(os, "sched_setaffinity"):
        # Threads beside the model's, as decoders are, must not add a core.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-setup["threads"] :])
    import torch

    torch.set_num_threads(setup["threads"])
    judge = _reference(setup) if setup["precision"] is None else _ours(setup)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    images = [Path(image) for image in setup["images"]]
    for line in sys.stdin:
        order = json.loads(line)
        chosen = images[: order["pairs"]]
        if order["mode"] == "fresh":
            _touch(chosen)
        print(json.dumps(_timed(judge, chosen)), file=answers, flush=True)


def _timed(judge: Judge, images: list[Path]) -> dict[str, float]:
    cpu, start = time.process_time(), time.perf_counter()
    judge(images)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "pairs": len(images), "peak_bytes": _peak()}


def _ours(setup: dict[str, Any]) -> Judge:
    import torch

    from rerank import EntailmentReranker
    from rerank.ofa.entailment import EntailmentModel
    from rerank.ofa.inference import Steps
    from rerank.weights import resolve

    dtype = torch.bfloat16 if setup["precision"] == "bf16" else torch.float32
    steps = Steps(**setup["steps"])
    model = EntailmentModel.from_directory(resolve(setup["model"]), torch.device("cpu"), dtype, steps=steps)
    reranker = EntailmentReranker(model, "benchmark", batch_size=setup["batch_size"], cache_bytes=4 * 2**30)
    return lambda images: reranker.score([(image, setup["text"]) for image in images])


def _reference(setup: dict[str, Any]) -> Judge:
    from benchmarks.reference import Reference

    reference = Reference(Path(setup["model"]))
    return lambda images: [reference.probabilities(str(image), setup["text"]) for image in images]


def _touch(images: list[Path]) -> None:
    # Our cache knows a file by path, size and time: with a new time it has never been seen.
    now = time.time_ns()
    for image in images:
        os.utime(image, ns=(now, now))


def _peak() -> int:
    """Most memory the process has had resident, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
