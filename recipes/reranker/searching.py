"""Search with the reranker over small collections: alone, and mixed with the bundled encoder's similarity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from indexer.samples.catalogue import DEMO_CAPTIONS
from indexer.samples.scenes import caption
from recipes.reranker.drawn import Record, scene_of
from recipes.reranker.features import FeatureSet, open_picture
from recipes.reranker.hypotheses import Hypothesis
from recipes.reranker.judging import Floats, Judge, tempered
from retrieval.encoder import BUNDLED_DIRECTORY, ClipEncoder

CANDIDATES = 100
WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
Open = Callable[[str], FeatureSet]


@dataclass(frozen=True)
class Task:
    """Queries over a collection: which pictures are right for each, and which are the candidates (None: all)."""

    features: FeatureSet
    queries: list[str]
    right: NDArray[np.bool_]  # (queries, pictures)
    among: NDArray[np.bool_] | None = None


def tasks(opened: Open) -> dict[str, Task]:
    """The collections searched, by name."""
    catalogue = opened("catalogue")
    captions = [caption(scene_of(record)) for record in catalogue.records]
    found = {"catalogue, one item": _by_caption(catalogue, captions, list(DEMO_CAPTIONS))}
    found["swapped twins"] = _twins(catalogue, captions)
    for name in ("valid", "unseen"):
        features = opened(name)
        texts = [caption(scene_of(record)) for record in features.records]
        found[f"drawn {name}"] = _by_caption(features, texts, sorted(set(texts)))
    for name in ("named_valid", "named_test", "twemoji", "tuxpaint", "gcompris"):
        features = opened(name)
        texts = [record["captions"][0] for record in features.records]
        found[name] = _by_caption(features, texts, sorted(set(texts)))
    return found


def _by_caption(features: FeatureSet, captions: Sequence[str], queries: list[str]) -> Task:
    return Task(features, queries, np.asarray([[text == query for text in captions] for query in queries]))


def _twins(catalogue: FeatureSet, captions: Sequence[str]) -> Task:
    """Each of two scenes that differ by a swap alone, asked for among the two."""
    key: dict[str, list[int]] = {}
    for n, record in enumerate(catalogue.records):
        if len(record["scene"]["items"]) == 2:
            key.setdefault(_swap_key(record), []).append(n)
    pairs = [rows for rows in key.values() if len(rows) == 2]
    asked = [n for rows in pairs for n in rows]
    right, among = np.zeros((2, len(asked), len(captions)), dtype=np.bool_)
    for query, n in enumerate(asked):
        right[query, n] = True
        among[query, next(rows for rows in pairs if n in rows)] = True
    return Task(catalogue, [captions[n] for n in asked], right, among)


def _swap_key(record: Record) -> str:
    return str(record["scene"]["seed"])


def entailments(judge: Judge, task: Task, temperature: float) -> Floats:
    """Entailment of every query by every picture, (queries, pictures); -1 where it is no candidate."""
    images = judge.image_tokens(task.features, range(len(task.features.records)))
    out = np.full(task.right.shape, -1.0, dtype=np.float32)
    for row, query in enumerate(task.queries):
        chosen = np.arange(len(images)) if task.among is None else np.flatnonzero(task.among[row])
        texts = [Hypothesis(query, "entailment")] * len(chosen)
        scores = judge.probabilities([images[n] for n in chosen.tolist()], texts, batch=128)
        out[row, chosen] = tempered(scores, temperature)[:, 0]
    return out


def similarities(task: Task, encoder: ClipEncoder, known: dict[int, Floats]) -> Floats:
    """Cosine of every query and picture, (queries, pictures)."""
    key = id(task.features)
    if key not in known:
        pictures = task.features.records
        parts = [encoder.encode_images([open_picture(record) for record in pictures[start : start + 64]])
                 for start in range(0, len(pictures), 64)]
        known[key] = np.concatenate([np.asarray(part) for part in parts])
    return np.asarray(encoder.encode_texts(task.queries) @ known[key].T, dtype=np.float32)


def recall(scores: Floats, task: Task, k: int) -> float:
    """Share of queries with a right picture among the first ``k``."""
    allowed = scores if task.among is None else np.where(task.among, scores, -np.inf)
    best = np.argsort(-allowed, axis=1, kind="stable")[:, :k]
    return float(np.take_along_axis(task.right, best, axis=1).any(axis=1).mean())


def fused(similarity: Floats, entailment: Floats, weight: float) -> Floats:
    """Scores as the search engine mixes them: the best candidates by similarity, then everything else."""
    count = min(CANDIDATES, similarity.shape[1])
    threshold = np.sort(similarity, axis=1)[:, -count][:, None]
    mixed = weight * entailment + (1 - weight) * similarity
    return np.where(similarity >= threshold, mixed, similarity - 10.0)


def measure_search(judge: Judge, opened: Open, temperature: float) -> dict[str, Any]:
    """R@1 and R@5 of each collection by entailment alone, by similarity, and mixed with each weight."""
    has_encoder = (BUNDLED_DIRECTORY / "open_clip_config.json").exists()
    encoder = ClipEncoder.from_pretrained("bundled") if has_encoder else None
    known: dict[int, Floats] = {}
    found: dict[str, Any] = {}
    for name, task in tasks(_remembered(opened)).items():
        with torch.inference_mode():
            entailment = entailments(judge, task, temperature)
        found[name] = {"queries": len(task.queries), "pictures": task.right.shape[1],
                       "entailment alone": [recall(entailment, task, 1), recall(entailment, task, 5)]}  # fmt: skip
        if name == "catalogue, one item":
            found[name]["precision at 5"] = precision(entailment, task)
        if encoder is not None:
            similarity = similarities(task, encoder, known)
            found[name]["similarity"] = [recall(similarity, task, 1), recall(similarity, task, 5)]
            mixed = {weight: fused(similarity, entailment, weight) for weight in WEIGHTS}
            found[name]["fused R@1"] = {str(weight): recall(scores, task, 1) for weight, scores in mixed.items()}
            if name == "catalogue, one item":
                found[name]["fused precision at 5"] = {str(w): precision(scores, task) for w, scores in mixed.items()}
        print(name, found[name], flush=True)
    return found


def precision(scores: Floats, task: Task, k: int = 5) -> float:
    """Share of right pictures among the first ``k``."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float(np.take_along_axis(task.right, best, axis=1).mean())


def _remembered(opened: Open) -> Open:
    kept: dict[str, FeatureSet] = {}
    return lambda name: kept.setdefault(name, opened(name)) if name not in kept else kept[name]
