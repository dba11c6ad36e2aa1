"""What the lower, frozen part of the trunk makes of every picture: `python -m recipes.maps`.

The trunk is cut behind its fifth stage, where a picture is a map of 14 x 14 cells of 112 values; what is above
(`recipes.top`) is trained. Writes CACHE/maps/: for each view number `view0.npy` (float16, (n, 196, 112), in the
index's order; view 0 is the picture as it is, the others are random views of training pictures) and `done0.npy`.
Safe to stop and run again: what is done is kept.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from recipes.architecture import IMAGE_SIZE
from recipes.pictures import Picture, folder_of, read_index
from recipes.sources import DEFAULT_CACHE, unpacked
from recipes.trunk import load_trunk
from recipes.views import load, load_mask, normalised, to_array, varied

BATCH = 32
CHUNK = 256
CELLS, CHANNELS = 196, 112
STAGES = 5
# How many random views, besides the picture itself, training pictures of a kind get.
VIEWS = {"emoji": 4, "clipart": 4, "icon": 3, "recoloured": 1, "photo": 0}


def lower_part(trunk: Any) -> nn.Sequential:
    """The trunk's stem and first five stages."""
    return nn.Sequential(trunk.conv_stem, trunk.bn1, *trunk.blocks[:STAGES])


@cache
def _frozen(folder: str) -> Any:
    """In bfloat16, batch norms folded and activations fused."""
    torch.set_num_threads(1)
    part = lower_part(load_trunk(unpacked(Path(folder), "efficientnet_lite0"))).to(torch.bfloat16)
    part = part.to(memory_format=torch.channels_last).eval()
    example = torch.zeros(BATCH, 3, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.bfloat16)
    with torch.no_grad():
        traced: Any = torch.jit.trace(  # type: ignore[no-untyped-call]
            part, example.contiguous(memory_format=torch.channels_last)
        )
    return torch.jit.optimize_for_inference(torch.jit.freeze(traced))


def view_of(folder: Path, picture: Picture, view: int) -> np.ndarray:
    """One view as uint8 (3, 224, 224)."""
    image = load(folder / picture.path)
    if view == 0:
        return to_array(image)
    alpha = load_mask(folder / picture.alpha) if picture.alpha else None
    return to_array(varied(image, alpha, random.Random(f"{picture.path}-{view}")))


def has_view(picture: Picture, view: int) -> bool:
    """Whether a picture gets this view: all get their own, training pictures as many more as their kind has."""
    return view == 0 or (picture.role == "train" and picture.split == "train" and view <= VIEWS[picture.kind])


@torch.inference_mode()
def encode(arrays: np.ndarray, cache_folder: str) -> np.ndarray:
    """uint8 images (n, 3, 224, 224) to float16 maps (n, 196, 112)."""
    batch = normalised(arrays).to(torch.bfloat16).to(memory_format=torch.channels_last)
    maps = _frozen(cache_folder)(batch).float().flatten(2).transpose(1, 2)
    out: np.ndarray = maps.numpy().astype(np.float16)
    return out


def _fill(job: tuple[str, int, Sequence[tuple[int, Picture]]]) -> int:
    cache_folder, view, pictures = job
    folder, pictures_folder = Path(cache_folder) / "maps", folder_of(Path(cache_folder))
    maps = np.load(folder / f"view{view}.npy", mmap_mode="r+")
    done = np.load(folder / f"done{view}.npy", mmap_mode="r+")
    for start in range(0, len(pictures), BATCH):
        group = pictures[start : start + BATCH]
        rows = [row for row, _ in group]
        maps[rows] = encode(np.stack([view_of(pictures_folder, one, view) for _, one in group]), cache_folder)
        done[rows] = True
    return len(pictures)


def make_view(cache_folder: Path, pictures: Sequence[Picture], view: int, workers: int) -> None:
    """Whatever of one view is still missing."""
    folder = cache_folder / "maps"
    if not (folder / f"done{view}.npy").exists():
        np.lib.format.open_memmap(folder / f"view{view}.npy", "w+", np.float16, (len(pictures), CELLS, CHANNELS))
        np.save(folder / f"done{view}.npy", np.zeros(len(pictures), np.bool_))
    done = np.load(folder / f"done{view}.npy")
    if len(done) != len(pictures):
        raise ValueError(f"{folder}: was made for {len(done)} pictures, the index has {len(pictures)}; delete it")
    wanted = [(row, one) for row, one in enumerate(pictures) if has_view(one, view) and not done[row]]
    jobs = [(str(cache_folder), view, wanted[start : start + CHUNK]) for start in range(0, len(wanted), CHUNK)]
    started, count = time.monotonic(), 0
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for position, made in enumerate(pool.map(_fill, jobs), start=1):
            count += made
            if position % 8 == 0 or position == len(jobs):
                rate = count / (time.monotonic() - started)
                print(f"view {view}: {count}/{len(wanted)} pictures, {rate:.0f}/s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--views", type=int, default=max(VIEWS.values()), help="random views besides the plain one")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    (options.cache / "maps").mkdir(parents=True, exist_ok=True)
    pictures = read_index(options.cache)
    for view in range(options.views + 1):
        make_view(options.cache, pictures, view, options.workers)


if __name__ == "__main__":
    main()
