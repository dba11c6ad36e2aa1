"""Everything the image head is trained on, as arrays: features, captions, and which caption fits which picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from recipes.architecture import encode_tokens
from recipes.captions import Caption, captions_of, keys_of
from recipes.conse import ConseHead
from recipes.drawn_features import drawn_set
from recipes.imagined import imagine, pictures_and_captions
from recipes.pictures import Picture, read_index
from recipes.sentence_teacher import SentenceTeacher, padded

# How often a kind of picture is drawn from, whatever its number.
SHARE = {"drawn": 0.35, "emoji": 0.2, "clipart": 0.12, "recoloured": 0.15, "imagined": 0.18}


WIDTH = 256


@dataclass(frozen=True)
class TrainingSet:
    """Row i of `features` is a view of a picture; its captions are `texts[caption_rows[i]]`, padded with -1."""

    features: torch.Tensor
    caption_rows: torch.Tensor
    caption_keys: torch.Tensor
    exact_keys: torch.Tensor
    loose_keys: torch.Tensor
    probability: np.ndarray
    tokens: list[list[int]]


def real_views(cache: Path) -> tuple[list[Picture], np.ndarray]:
    """All views there are of the pictures that may be trained on."""
    pictures = read_index(cache)
    found: list[Picture] = []
    features = []
    for path in sorted((cache / "features").glob("view?.npy")):
        rows = np.load(path, mmap_mode="r")
        chosen = [i for i, p in enumerate(pictures) if p.role == "train" and p.split == "train" and rows[i].any()]
        found += [pictures[i] for i in chosen]
        features.append(rows[chosen].astype(np.float32))
    return found, np.concatenate(features)


def encode_texts(tower: Any, tokens: list[list[int]], batch: int = 256) -> torch.Tensor:
    """The tower's output before normalising, (n, EMBED_DIM)."""
    order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
    out = torch.empty(len(tokens), tower.text_projection.shape[1])
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            out[chosen] = encode_tokens(tower, padded([tokens[i] for i in chosen])).float()
    return out


def states_of(tower: Any, tokens: list[list[int]]) -> torch.Tensor:
    """The tower's pooled states (n, 256) before its projection, for texts that do not change while training."""
    kept = tower.text_projection
    tower.text_projection = nn.Parameter(torch.eye(WIDTH))
    states = encode_texts(tower, tokens)
    tower.text_projection = kept
    return states


def numbered(keys: list[str], numbers: dict[str, int]) -> torch.Tensor:
    return torch.tensor([numbers.setdefault(key, len(numbers)) for key in keys])


def build(cache: Path, teacher: SentenceTeacher, conse: ConseHead) -> TrainingSet:
    """Gather pictures and scenes, give each its captions, and number captions and keys."""
    real, real_features = real_views(cache)
    drawn, drawn_features = drawn_set(cache, "train")
    dreamt = pictures_and_captions(cache)
    features = np.concatenate([real_features, drawn_features, imagine(cache, conse, real_features, seed=0)])
    pictures = [*real, *drawn, *(picture for picture, _ in dreamt)]
    seeds: dict[str, list[Caption]] = {picture.path: captions for picture, captions in dreamt}
    for picture in pictures:
        if picture.path not in seeds:
            seeds[picture.path] = captions_of(picture, 0)
    texts: dict[str, int] = {}
    numbers: dict[str, int] = {}
    most = max(len(captions) for captions in seeds.values())
    rows = torch.full((len(pictures), most), -1)
    keys = torch.full((len(pictures), most), -1)
    for place, picture in enumerate(pictures):
        for column, caption in enumerate(seeds[picture.path]):
            rows[place, column] = texts.setdefault(caption.text, len(texts))
            keys[place, column] = numbers.setdefault(caption.key, len(numbers))
    exact, loose = zip(*(keys_of(picture) for picture in pictures), strict=True)
    counts = {kind: sum(p.kind == kind for p in pictures) for kind in SHARE}
    weights = np.array([SHARE[p.kind] / counts[p.kind] for p in pictures])
    print(counts, f"{len(texts)} texts", flush=True)
    return TrainingSet(
        features=torch.from_numpy(features),
        caption_rows=rows,
        caption_keys=keys,
        exact_keys=numbered(list(exact), numbers),
        loose_keys=numbered(list(loose), numbers),
        probability=weights / weights.sum(),
        tokens=teacher.tokenize(list(texts)),
    )
