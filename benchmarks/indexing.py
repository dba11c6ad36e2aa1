"""How fast folders of photos are indexed, beside what the model and the decoder alone could do in the same run.

``python -m benchmarks.indexing --help``; README.md says how to get the peer, clip-retrieval.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.photos import FOLDER, photo_folders
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
    child_peak_bytes: int = 0


def main() -> None:
    options = _options()
    folders = photo_folders(options.cache, options.images)
    encoder = encoder_name(options.cache, options.encoder)
    readings: dict[str, list[Reading]] = {}
    for number in range(options.repeat):
        for stage in STAGES:
            say(f"round {number + 1} of {options.repeat}: {STAGES[stage]}")
            readings.setdefault(stage, []).append(run(stage, encoder, folders, options))
        if options.peer_python:
            say(f"round {number + 1} of {options.repeat}: {PEER}")
            readings.setdefault("peer", []).append(run_peer(encoder, folders, options))
    say("memory: a quarter of the photos")
    quarter = run("index", encoder, folders[: max(1, len(folders) // 4)], options)
    figures = {name: _median(taken) for name, taken in readings.items()}
    show(figures, quarter)
    if options.json:
        write_json(
            options.json, [{"name": name, **vars(one)} for name, one in (*figures.items(), ("quarter", quarter))]
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5_000, help="photos of 12 megapixels, 2 MB each (default: 5000)")
    parser.add_argument("--encoder", default="ViT-B-32", help="ViT-B-32 at random weights (default), or any model")
    parser.add_argument("--repeat", type=int, default=3, help="rounds, of which the median counts (default: 3)")
    parser.add_argument("--peer-python", help="a Python that has clip-retrieval; without it the ratio is not run")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"photos and weights lie here (default: {CACHE})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser.parse_args()


def encoder_name(cache: Path, name: str) -> str:
    """``name``; for ViT-B-32 with the path of random weights, made once: they cost what real ones do."""
    if name != "ViT-B-32":
        return name
    path = cache / "ViT-B-32-random.pt"
    if not path.is_file():
        import open_clip
        import torch

        torch.manual_seed(0)
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(open_clip.create_model("ViT-B-32").state_dict(), path)
    return f"ViT-B-32/{path}"


def run(stage: str, encoder: str, folders: Sequence[Path], options: argparse.Namespace) -> Reading:
    """One stage in a fresh process."""
    images = min(options.images, 512)
    task = {"stage": stage, "encoder": encoder, "folders": [*map(str, folders)], "images": images}
    told = json.dumps(task | {"scratch": str(options.cache)})
    command = [sys.executable, "-m", "benchmarks.indexing_worker", told]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Reading(**json.loads(done.stdout.splitlines()[-1]))


def run_peer(encoder: str, folders: Sequence[Path], options: argparse.Namespace) -> Reading:
    """The peer on the same photos: the time of all less that of the first few, so that its start is left out."""
    if len(folders) == 1:
        raise SystemExit(f"--peer-python needs more than {FOLDER} images, so that its start can be left out")
    few, all_of_them = [_peer(encoder, part, options) for part in (folders[:1], folders)]
    images = all_of_them.images - few.images
    seconds, cpu_seconds = all_of_them.seconds - few.seconds, all_of_them.cpu_seconds - few.cpu_seconds
    return Reading(images, seconds, cpu_seconds, all_of_them.peak_bytes)


def _peer(encoder: str, folders: Sequence[Path], options: argparse.Namespace) -> Reading:
    import resource

    with tempfile.TemporaryDirectory(dir=options.cache) as directory:
        photos, found = Path(directory) / "photos", Path(directory) / "found"
        photos.mkdir()
        files = [file for folder in folders for file in folder.iterdir()]
        for file in files:
            (photos / file.name).hardlink_to(file)
        script = Path(options.peer_python).parent / "clip-retrieval"
        model = ["--clip_model", f"open_clip:{encoder}"]
        paths = ["--input_dataset", str(photos), "--output_folder", str(found)]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        # Our batch size: its own, 256, has it encode 512 images and 512 texts to warm up, and is no faster on a CPU.
        words = ["--enable_text", "False", "--num_prepro_workers", "2", "--batch_size", "32"]
        subprocess.run([script, "inference", *paths, *model, *words], check=True, stdout=subprocess.DEVNULL)
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Reading(len(files), seconds, cpu, after.ru_maxrss * 1024)


def _median(taken: Sequence[Reading]) -> Reading:
    return sorted(taken, key=lambda one: one.seconds / one.images)[len(taken) // 2]


def show(figures: dict[str, Reading], quarter: Reading) -> None:
    """The table and the ratios."""
    print(HEADER)
    for name, one in figures.items():
        print(_row(STAGES.get(name, PEER), one))
    print(_row("… a quarter of the photos", quarter))
    rate = {name: one.images / one.seconds for name, one in figures.items()}
    cpu = {name: one.cpu_seconds / one.images for name, one in figures.items()}
    both = 1 / (1 / rate["encode"] + 1 / rate["decode"])
    print(f"index / slower of model and decoding   {rate['index'] / min(rate['encode'], rate['decode']):.2f}")
    print(f"index / both on the same cores         {rate['index'] / both:.2f}")
    print(f"CPU: index / (model + decoding)        {cpu['index'] / (cpu['encode'] + cpu['decode']):.2f}")
    if "peer" in rate:
        print(f"index / {PEER:31}{rate['index'] / rate['peer']:.2f}   CPU: {cpu['peer'] / cpu['index']:.2f}")
    else:
        print(f"index / {PEER:31}not run")


def _row(name: str, one: Reading) -> str:
    peak = f"{one.peak_bytes / 2**20:.0f}"
    rate, cpu = f"{one.images / one.seconds:.1f}", f"{one.cpu_seconds / one.images:.3f}"
    return f"{name:28}{one.images:>8}{rate:>10}{cpu:>13}{peak:>10}"


if __name__ == "__main__":
    main()
