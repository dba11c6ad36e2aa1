"""Draw or open the training pictures and keep what the frozen stem sees: `python -m recipes.reranker.features`.

Writes CACHE/reranker/features/SET/: `records.json` (what each picture shows), `features.npy` (float16,
(n, cells, channels)) and `done.npy`. Safe to stop and run again: finished chunks are kept. Each worker
draws and encodes for itself, so that both kinds of work fill the cores.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from indexer.samples.scenes import draw
from recipes.reranker.architecture import GRID, TASK
from recipes.reranker.drawn import Record, catalogue_records, scene_of, training_records, unseen_records
from recipes.reranker.named import evaluation_records, named_records
from recipes.reranker.trunk import build_frozen_stem
from recipes.sources import DEFAULT_CACHE
from rerank.images import load_image
from rerank.ofa.preprocess import image_to_pixels

CHUNK = 64
BATCH = 16
CHANNELS = 48 + 448 + 1280


@dataclass(frozen=True)
class FeatureSet:
    """The pictures of one set: what they show and what the stem sees of them."""

    folder: Path
    records: list[Record]
    features: NDArray[np.float16]
    done: NDArray[np.bool_]


def open_features(folder: Path, *, mode: Literal["r", "r+"] = "r") -> FeatureSet:
    """Memory-mapped features, finished or not; ``done`` says which rows are there."""
    records = json.loads((folder / "records.json").read_text())
    features = np.load(folder / "features.npy", mmap_mode=mode)
    return FeatureSet(folder, records, features, np.load(folder / "done.npy", mmap_mode=mode))


def create(folder: Path, records: Sequence[Record]) -> None:
    """Lay out an empty set, unless it is already there with the same records."""
    listed = folder / "records.json"
    text = json.dumps(list(records))
    if listed.exists() and listed.read_text() == text:
        return
    folder.mkdir(parents=True, exist_ok=True)
    np.lib.format.open_memmap(folder / "features.npy", "w+", np.float16, (len(records), GRID * GRID, CHANNELS))
    np.lib.format.open_memmap(folder / "done.npy", "w+", np.bool_, (len(records),))
    listed.write_text(text)


def open_picture(record: Record) -> Image.Image:
    """The picture of a record: drawn from its scene, or read from its file."""
    if "scene" in record:
        return draw(scene_of(record), size=record["size"])
    return load_image(record["file"])


@cache
def _stem(cache_folder: str) -> torch.nn.Module:
    torch.set_num_threads(1)
    stem = build_frozen_stem(Path(cache_folder)).to(torch.bfloat16)
    return stem.to(memory_format=torch.channels_last)


@torch.inference_mode()
def encode(pictures: Sequence[Image.Image], cache_folder: str) -> NDArray[np.float16]:
    """Pictures to (n, cells, channels), as ``OFAModel.image_tokens`` flattens them."""
    pixels = torch.from_numpy(np.stack([image_to_pixels(picture, TASK) for picture in pictures]))
    maps = _stem(cache_folder)(pixels.to(torch.bfloat16).contiguous(memory_format=torch.channels_last))
    return np.asarray(maps.flatten(2).transpose(1, 2).float().numpy(), dtype=np.float16)


def _fill_chunk(job: tuple[str, int, str]) -> int:
    folder, start, cache_folder = job
    opened = open_features(Path(folder), mode="r+")
    rows = range(start, min(start + CHUNK, len(opened.records)))
    if opened.done[rows.start : rows.stop].all():
        return 0
    for first in range(rows.start, rows.stop, BATCH):
        last = min(first + BATCH, rows.stop)
        pictures = [open_picture(record) for record in opened.records[first:last]]
        opened.features[first:last] = encode(pictures, cache_folder)
        opened.done[first:last] = True
    return len(rows)


def fill(folders: Sequence[Path], cache_folder: Path, workers: int) -> None:
    """Encode whatever is not yet encoded, set after set."""
    jobs = []
    for folder in folders:
        done = open_features(folder).done
        starts = range(0, len(done), CHUNK)
        jobs += [(str(folder), s, str(cache_folder)) for s in starts if not done[s : s + CHUNK].all()]
    begun, count = time.time(), 0
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for position, made in enumerate(pool.imap_unordered(_fill_chunk, jobs), start=1):
            count += made
            if position % 10 == 0 or position == len(jobs):
                rate = count / (time.time() - begun)
                print(f"{position}/{len(jobs)} chunks, {count} pictures, {rate:.1f} pictures/s", flush=True)


def plan(cache_folder: Path, scale: float) -> dict[str, list[Record]]:
    """All sets, small ones first; ``scale`` shortens the drawn training set for a trial."""
    return {
        **named_records(cache_folder),
        **evaluation_records(cache_folder),
        "valid": training_records(360, 120, 0, seed=11),
        "unseen": unseen_records(500, 100, seed=12),
        "binding": training_records(0, 200, 0, seed=13),
        "catalogue": catalogue_records(),
        "train": training_records(round(13_000 * scale), round(3_200 * scale), round(900 * scale), seed=1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--only", nargs="*", help="names of sets; default: all")
    arguments = parser.parse_args()
    root = arguments.cache / "reranker" / "features"
    folders = []
    for name, records in plan(arguments.cache, arguments.scale).items():
        if not arguments.only or name in arguments.only:
            create(root / name, records)
            folders.append(root / name)
    fill(folders, arguments.cache, arguments.workers)


if __name__ == "__main__":
    main()
