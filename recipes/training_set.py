"""Everything the image head is trained on, as arrays: maps, captions, and which caption fits which picture."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from recipes.architecture import encode_tokens
from recipes.captions import Caption, captions_of, keys_of
from recipes.conse import ConseHead
from recipes.drawn_maps import drawn_set
from recipes.imagined import imagine, pictures_and_captions
from recipes.maps import CELLS, CHANNELS
from recipes.pictures import Picture, held_out, names_held_out, read_index
from recipes.sentence_teacher import SentenceTeacher, padded
from recipes.top import Top

# How often a kind of picture is drawn from, whatever its number.
SHARE = {"drawn": 0.22, "emoji": 0.25, "clipart": 0.12, "icon": 0.13, "recoloured": 0.13, "imagined": 0.15}
WIDTH = 256
DREAMT = -1


class Maps(Protocol):
    """Maps (n, 196, 112) float16 by rows, on disk."""

    def __getitem__(self, rows: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class TrainingSet:
    """Picture i is row `rows[i]` of `maps[source[i]]`, or of `dreamt` features where its source is DREAMT.

    Its captions are `texts[caption_rows[i]]`, padded with -1; `tokens` are the texts'.
    """

    maps: list[Maps]
    dreamt: torch.Tensor
    source: np.ndarray
    rows: np.ndarray
    caption_rows: torch.Tensor
    caption_keys: torch.Tensor
    exact_keys: torch.Tensor
    loose_keys: torch.Tensor
    probability: np.ndarray
    tokens: list[list[int]]

    def read(self, chosen: np.ndarray) -> torch.Tensor:
        """Maps (n, 196, 112) bfloat16 of pictures that are not dreamt."""
        out = np.empty((len(chosen), CELLS, CHANNELS), np.float16)
        for number, maps in enumerate(self.maps):
            places = np.flatnonzero(self.source[chosen] == number)
            if len(places):
                out[places] = maps[self.rows[chosen[places]]]
        return torch.from_numpy(out).to(torch.bfloat16)


def real_views(cache: Path) -> tuple[list[Picture], list[Maps], np.ndarray, np.ndarray]:
    """All views there are of the pictures that may be trained on: pictures, maps, and each one's source and row."""
    pictures = read_index(cache)
    kept_out = held_out(pictures)
    usable = [p.role == "train" and p.split == "train" and not names_held_out(p, kept_out) for p in pictures]
    found: list[Picture] = []
    maps: list[Maps] = []
    sources, rows = [], []
    for path in sorted((cache / "maps").glob("view?.npy")):
        done = np.load(path.with_name(path.name.replace("view", "done")))
        chosen = np.flatnonzero(done & np.array(usable))
        found += [pictures[i] for i in chosen]
        sources.append(np.full(len(chosen), len(maps)))
        rows.append(chosen)
        maps.append(np.load(path, mmap_mode="r"))
    return found, maps, np.concatenate(sources), np.concatenate(rows)


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


def kept_states(tower: Any, tokens: list[list[int]], path: Path) -> torch.Tensor:
    """`states_of`, kept in a file under a checksum of the texts: minutes for 70,000 of them."""
    checksum = zlib.crc32(repr(tokens).encode())
    path = path.with_name(f"{path.stem}-{checksum:08x}{path.suffix}")
    if path.exists():
        return torch.load(path, weights_only=True)  # type: ignore[no-any-return]
    states = states_of(tower, tokens)
    torch.save(states, path.with_suffix(".partial"))
    path.with_suffix(".partial").replace(path)
    return states


def numbered(keys: list[str], numbers: dict[str, int]) -> torch.Tensor:
    return torch.tensor([numbers.setdefault(key, len(numbers)) for key in keys])


def build(cache: Path, teacher: SentenceTeacher, conse: ConseHead, top: Top) -> TrainingSet:
    """Gather pictures and scenes, give each its captions, and number captions and keys.

    `top` is the trunk's upper part as published: photos are imagined as it would see them.
    """
    real, maps, sources, rows_of = real_views(cache)
    drawn, drawn_maps = drawn_set(cache, "train")
    dreamt = pictures_and_captions(cache)
    sources = np.concatenate([sources, np.full(len(drawn), len(maps)), np.full(len(dreamt), DREAMT)])
    rows_of = np.concatenate([rows_of, np.arange(len(drawn)), np.arange(len(dreamt))])
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
    data = TrainingSet(
        maps=[*maps, drawn_maps],
        dreamt=torch.empty(0),
        source=sources,
        rows=rows_of,
        caption_rows=rows,
        caption_keys=keys,
        exact_keys=numbered(list(exact), numbers),
        loose_keys=numbered(list(loose), numbers),
        probability=weights / weights.sum(),
        tokens=teacher.tokenize(list(texts)),
    )
    return replace(data, dreamt=torch.from_numpy(imagine(cache, conse, sample_features(data, top), seed=0)))


def sample_features(data: TrainingSet, top: Top, count: int = 4096, batch: int = 256) -> np.ndarray:
    """Features (count, 1280) of some of the pictures."""
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(data.source != DREAMT))[:count]
    with torch.inference_mode():
        groups = [top(data.read(chosen[start : start + batch])) for start in range(0, len(chosen), batch)]
    features: np.ndarray = torch.cat(groups).numpy()
    return features
