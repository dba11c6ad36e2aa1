"""Measure the packaged encoder, text to image: `python -m recipes.evaluate_encoder [--model FOLDER]`.

Loads the folder as any open_clip user would, offline, encodes picture files through the shipped preprocessing,
asks for every distinct name in each set, and prints R@1/5/10; `--json` also writes them to a file.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when open_clip is imported

import numpy as np
import open_clip
import torch
from PIL import Image

from indexer.samples.catalogue import sample_catalogue
from indexer.samples.scenes import caption, draw
from recipes.pictures import Picture, folder_of, read_index
from recipes.recall import recall_at, unit
from recipes.reranker.drawn import scene_of, unseen_records
from recipes.sources import DEFAULT_CACHE
from recipes.views import load

TARGET = Path(__file__).parents[1] / "retrieval" / "bundled"
BATCH = 64
FILE_SETS: dict[str, Callable[[Picture], bool]] = {
    "recoloured, unseen colour-thing pairs": lambda p: p.kind == "recoloured" and p.split == "test",
    "clip-art, unseen concepts": lambda p: p.kind == "clipart" and p.split == "test",
    "Twemoji, unseen vendor and concepts": lambda p: p.source == "twemoji" and p.split == "test",
    "OpenMoji, unseen vendor and concepts": lambda p: p.source == "openmoji" and p.split == "test",
    "Twemoji, unseen vendor, all concepts": lambda p: p.source == "twemoji",
    "Tux Paint photos": lambda p: p.source == "tuxpaint",
    "GCompris photos": lambda p: p.source == "gcompris",
}


@dataclass(frozen=True)
class Encoder:
    """The packaged model and its preprocessing, as open_clip gives them."""

    model: Any
    preprocess: Any
    tokenizer: Any

    @classmethod
    def load(cls, folder: Path) -> Encoder:
        name = f"local-dir:{folder}"
        model, _, preprocess = open_clip.create_model_and_transforms(name)
        return cls(model.eval(), preprocess, open_clip.get_tokenizer(name))

    @torch.inference_mode()
    def images(self, images: Iterator[Image.Image]) -> np.ndarray:
        pixels = [self.preprocess(image) for image in images]
        groups = [torch.stack(pixels[start : start + BATCH]) for start in range(0, len(pixels), BATCH)]
        with torch.autocast("cpu", torch.bfloat16):
            out = [self.model.encode_image(group.contiguous(memory_format=torch.channels_last)) for group in groups]
        return unit(torch.cat(out).float().numpy())

    @torch.inference_mode()
    def texts(self, texts: list[str]) -> np.ndarray:
        return unit(self.model.encode_text(self.tokenizer(texts)).float().numpy())


def measure(encoder: Encoder, images: Iterator[Image.Image], names: list[str]) -> dict[str, float]:
    """Recall of every distinct name among the pictures, and how many there are."""
    queries = sorted(set(names))
    recalls = recall_at(encoder.images(images), encoder.texts(queries), names, queries)
    return {"pictures": len(names), "queries": len(queries), **recalls}


def drawn_unseen(size: int = 288) -> tuple[Iterator[Image.Image], list[str]]:
    """Single drawn items whose colour, finish and kind never occurred together in training."""
    scenes = [scene_of(record) for record in unseen_records(500, 0, seed=12)]
    return (draw(scene, size=size) for scene in scenes), [caption(scene) for scene in scenes]


def catalogue(encoder: Encoder) -> tuple[dict[str, float], list[str]]:
    """Recall on the sample catalogue, and the captions of the 20 best for the demo's query."""
    samples = sample_catalogue()
    embedded = encoder.images(draw(sample.scene, size=288) for sample in samples)
    names = [sample.caption for sample in samples]
    queries = sorted(set(names))
    recalls = recall_at(embedded, encoder.texts(queries), names, queries)
    recalls |= {"pictures": len(names), "queries": len(queries)}
    best = np.argsort(-(embedded @ encoder.texts(["blue denim jeans"])[0]))[:20]
    return recalls, [names[i] for i in best]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--model", type=Path, default=TARGET)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    encoder, started = Encoder.load(options.model), time.monotonic()
    results: dict[str, dict[str, float]] = {"drawn, unseen combinations": measure(encoder, *drawn_unseen())}
    results["sample catalogue"], best = catalogue(encoder)
    pictures, folder = read_index(options.cache), folder_of(options.cache)
    for name, fits in FILE_SETS.items():
        chosen = [picture for picture in pictures if fits(picture)]
        if chosen:
            images = (load(folder / picture.path) for picture in chosen)
            results[name] = measure(encoder, images, [picture.captions[0] for picture in chosen])
    print("| set | pictures | queries | R@1 | R@5 | R@10 |\n|---|---|---|---|---|---|")
    for name, row in results.items():
        cells = [f"{row['pictures']:.0f}", f"{row['queries']:.0f}", *(f"{row[f'R@{cut}']:.2f}" for cut in (1, 5, 10))]
        print(f"| {name} | {' | '.join(cells)} |")
    print(f"blue denim jeans, first 20: {sum('blue denim jeans' in c for c in best)} right: {best}")
    print(f"{time.monotonic() - started:.0f} s")
    if options.json:
        options.json.write_text(json.dumps({"sets": results, "blue denim jeans": best}, indent=2) + "\n")


if __name__ == "__main__":
    main()
