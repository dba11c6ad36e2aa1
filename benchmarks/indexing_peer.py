"""clip-retrieval's inference on a folder, measured from within: run by the Python that has it, with JSON.

Counted from when it begins to read until the last image is embedded, so that neither loading and warming up the
model nor writing the result is part of it. Prints one line: {"images", "seconds", "cpu_seconds", "peak_bytes"}.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from typing import Any


def main() -> None:
    task = json.loads(sys.argv[1])
    from clip_retrieval.clip_inference import main as inference
    from clip_retrieval.clip_inference.reader import FilesReader

    measured: dict[str, float] = {}
    batches = FilesReader.__iter__

    def watched(reader: Any) -> Iterator[Any]:
        wall, cpu = time.perf_counter(), _cpu_seconds()
        images = 0
        for batch in batches(reader):  # the one after the last is asked for when the last is embedded
            yield batch
            images += len(batch["image_tensor"])
        measured.update(images=images, seconds=time.perf_counter() - wall, cpu_seconds=_cpu_seconds() - cpu)

    FilesReader.__iter__ = watched
    # Our batch size: its own, 256, has it encode 512 images and 512 texts to warm up, and is no faster on a CPU.
    inference.main(
        task["photos"],
        task["found"],
        clip_model=f"open_clip:{task['encoder']}",
        enable_text=False,
        num_prepro_workers=task["workers"],
        batch_size=32,
    )
    measured["peak_bytes"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print("\n" + json.dumps(measured), flush=True)


def _cpu_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
