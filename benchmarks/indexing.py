"""How fast folders of photos are indexed, beside what the model and the decoder alone could do in the same run.

``python -m benchmarks.indexing --help``; README.md says how to get the peer, clip-retrieval.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.photos import CAMERA, SMALL, photo_folders
from benchmarks.progress import say
from benchmarks.rerank import CACHE, write_json

ROOT = Path(__file__).parent.parent
STAGES = {"encode": "bare model, tensors ready", "decode": "bare decoding, all cores", "index": "veralens index"}
PEER = "clip-retrieval inference"
HEADER = f"{'':28}{'images':>8}{'images/s':>10}{'CPU-s/image':>13}{'peak MiB':>10}"


@dataclass(frozen=True)
class Reading:
    """One measurement."""

    images: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int

    @property
    def each(self) -> float:
        return self.seconds / self.images

    @property
    def cpu_each(self) -> float:
        return self.cpu_seconds / self.images


Round = dict[str, Reading]


def main() -> None:
    options = _options()
    size = SMALL if options.small else CAMERA
    encoder = encoder_name(options.cache, options.encoder)
    memory = [] if options.no_memory else options.memory or [max(1, options.images // 4), options.images]
    folders = photo_folders(options.cache, options.images, size)
    rounds = [
        _round(f"round {number + 1} of {options.repeat}", encoder, folders, options) for number in range(options.repeat)
    ]
    figures = {name: _median([one[name] for one in rounds]) for name in (rounds[0] if rounds else {})}
    for count in memory:
        say(f"memory: {count} photos")
        held = run("index", encoder, photo_folders(options.cache, count, size), options)
        figures[f"index of {count}"] = held
    show(figures, rounds)
    if options.json:
        write_json(options.json, [{"name": name, **vars(one)} for name, one in figures.items()])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5_000, help="photos of 12 megapixels, 2 MB each (default: 5000)")
    parser.add_argument("--small", action="store_true", help="photos of 640 × 480 pixels instead, 70 KB each")
    parser.add_argument("--encoder", default="ViT-B-32", help="ViT-B-32 at random weights (default), or any model")
    parser.add_argument("--repeat", type=int, default=3, help="rounds, of which the median counts (default: 3)")
    parser.add_argument(
        "--memory", type=int, nargs="+", metavar="COUNT", help="photos to take peak memory at (default: a quarter, all)"
    )
    parser.add_argument("--no-memory", action="store_true", help="leave that out")
    parser.add_argument("--peer-python", help="a Python that has clip-retrieval; without it the ratio is not run")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"photos and weights lie here (default: {CACHE})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser.parse_args()


def encoder_name(cache: Path, name: str) -> str:
    """``name``; for an architecture with the path of random weights, made once: they cost what real ones do."""
    if not name.startswith("ViT-"):
        return name
    path = cache / f"{name}-random.pt"
    if not path.is_file():
        import open_clip
        import torch

        torch.manual_seed(0)
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(open_clip.create_model(name).state_dict(), path)
    return f"{name}/{path}"


def _round(name: str, encoder: str, folders: Sequence[Path], options: argparse.Namespace) -> Round:
    """Every stage once, one after another, so that other load falls on all alike."""
    readings = {}
    for stage in STAGES:
        say(f"{name}: {STAGES[stage]}")
        readings[stage] = run(stage, encoder, folders, options)
    if options.peer_python:
        say(f"{name}: {PEER}")
        readings["peer"] = run_peer(encoder, folders, options)
    return readings


def run(stage: str, encoder: str, folders: Sequence[Path], options: argparse.Namespace) -> Reading:
    """One stage in a fresh process."""
    task: dict[str, object] = {"stage": stage, "encoder": encoder, "folders": [*map(str, folders)], "images": 256}
    return _measured([sys.executable, "-m", "benchmarks.indexing_worker"], task | {"scratch": str(options.cache)})


def run_peer(encoder: str, folders: Sequence[Path], options: argparse.Namespace) -> Reading:
    """The peer on the same photos."""
    with tempfile.TemporaryDirectory(dir=options.cache) as directory:
        photos = Path(directory) / "photos"
        photos.mkdir()
        for folder in folders:
            for file in folder.iterdir():
                (photos / file.name).hardlink_to(file)
        task = {"photos": str(photos), "found": str(Path(directory) / "found"), "encoder": encoder}
        command = [options.peer_python, str(Path(__file__).with_name("indexing_peer.py"))]
        return _measured(command, {**task, "workers": os.cpu_count()})


def _measured(command: Sequence[str], task: dict[str, object]) -> Reading:
    # As `veralens index` has it: threads that wait for each other do not spin, which would count as work.
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    command = [*command, json.dumps(task)]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    # The peer's log comes after it, from a process of its own.
    told = [line for line in done.stdout.splitlines() if line.startswith('{"images"')]
    return Reading(**json.loads(told[-1].partition("}")[0] + "}"))


def _median(taken: Sequence[Reading]) -> Reading:
    return sorted(taken, key=lambda one: one.each)[len(taken) // 2]


def show(figures: dict[str, Reading], rounds: Sequence[Round]) -> None:
    """The table, and the ratios: each is taken within a round, and the median of the rounds is shown."""
    print(HEADER)
    for name, one in figures.items():
        print(_row(STAGES.get(name, PEER if name == "peer" else name), one))
    ratios = [_ratios(one) for one in rounds]
    for name in ratios[0] if ratios else ():
        taken = [one[name] for one in ratios]
        print(f"{name:46}{median(taken):.2f}   ({'  '.join(f'{one:.2f}' for one in taken)})")


def _ratios(one: Round) -> dict[str, float]:
    """How many times as fast ours is in one round, and how many times the processor time others take."""
    ours, encode, decode, peer = one["index"], one["encode"], one["decode"], one.get("peer")
    ratios = {
        "index / slower of model and decoding": max(encode.each, decode.each) / ours.each,
        "index / both on the same cores": (encode.each + decode.each) / ours.each,
        "  in CPU seconds": (encode.cpu_each + decode.cpu_each) / ours.cpu_each,
    }
    if peer is None:
        return ratios
    return ratios | {
        f"index / {PEER}": peer.each / ours.each,
        f"  in CPU seconds, {PEER}": peer.cpu_each / ours.cpu_each,
    }


def _row(name: str, one: Reading) -> str:
    return f"{name:28}{one.images:>8}{1 / one.each:>10.1f}{one.cpu_each:>13.3f}{one.peak_bytes / 2**20:>10.0f}"


if __name__ == "__main__":
    main()
