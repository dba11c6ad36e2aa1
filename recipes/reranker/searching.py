"""Search with the reranker over small collections: alone, and mixed with the bundled encoder's similarity."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.samples.catalogue import DEMO_CAPTIONS
from indexer.samples.scenes import caption
from recipes.reranker.drawn import Record, scene_of
from recipes.reranker.features import FeatureSet, open_picture
from recipes.reranker.hypotheses import Hypothesis
from recipes.reranker.judging import Floats, Judge, tempered
from rerank.fusion import CLIP_SCALE, Fusion
from retrieval.encoder import BUNDLED_DIRECTORY, ClipEncoder

CANDIDATES = 100
QUERIES = 80
WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
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
    found["recoloured"] = _of_kind(opened("named_test"), "recoloured")
    return found


def _of_kind(features: FeatureSet, kind: str) -> Task:
    """The pictures of one kind asked for among themselves."""
    texts = [record["captions"][0] if record["kind"] == kind else "" for record in features.records]
    task = _by_caption(features, texts, sorted({text for text in texts if text}))
    among = np.tile(np.asarray([bool(text) for text in texts]), (len(task.queries), 1))
    return dataclasses.replace(task, among=among)


def _by_caption(features: FeatureSet, captions: Sequence[str], queries: list[str]) -> Task:
    if len(queries) > QUERIES:
        queries = random.Random(0).sample(queries, QUERIES)
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


def similarities(task: Task, encoder: ClipEncoder) -> Floats:
    """Cosine of every query and picture, (queries, pictures)."""
    kept = task.features.folder / f"similarity-{encoder.fingerprint[:16]}.npy"
    if not kept.exists():
        pictures = task.features.records
        starts = range(0, len(pictures), 64)
        parts = [encoder.encode_images([open_picture(record) for record in pictures[n : n + 64]]) for n in starts]
        np.save(kept, np.concatenate(parts))
    return np.asarray(encoder.encode_texts(task.queries) @ np.load(kept).T, dtype=np.float32)


def among_best(similarity: Floats, task: Task) -> Task:
    """The task with the candidates that the first stage would hand over."""
    count = min(CANDIDATES, similarity.shape[1])
    threshold = np.sort(similarity, axis=1)[:, -count][:, None]
    best = similarity >= threshold
    return task if task.among is not None else dataclasses.replace(task, among=best)


def fused(similarity: Floats, entailment: Floats, task: Task, weight: float, scale: float) -> Floats:
    """Scores as the search engine mixes them (``rerank.fusion``), -1 where a picture is no candidate."""
    among = np.ones(similarity.shape, dtype=np.bool_) if task.among is None else task.among
    out = np.full(similarity.shape, -1.0, dtype=np.float32)
    for row, chosen in enumerate(among):
        fusion = Fusion(weight, similarity[row, chosen].tolist(), scale)
        pairs = zip(entailment[row, chosen].tolist(), similarity[row, chosen].tolist(), strict=True)
        out[row, chosen] = [fusion.score(*pair) for pair in pairs]
    return out


def measure_search(judge: Judge, opened: Open, temperature: float) -> dict[str, Any]:
    """R@1 and R@5 of each collection by similarity, by entailment, and mixed with each weight."""
    has_encoder = (BUNDLED_DIRECTORY / "open_clip_config.json").exists()
    encoder = ClipEncoder.from_pretrained("bundled") if has_encoder else None
    found: dict[str, Any] = {}
    for name, task in tasks(opened).items():
        found[name] = measure_task(judge, task, encoder, temperature)
        print(name, found[name], flush=True)
    return found


def measure_task(judge: Judge, task: Task, encoder: ClipEncoder | None, temperature: float) -> dict[str, Any]:
    """The figures of one collection."""
    found: dict[str, Any] = {"queries": len(task.queries), "pictures": task.right.shape[1]}
    similarity = None
    if encoder is not None:
        similarity = similarities(task, encoder)
        found["similarity"] = figures(similarity, task)
        task = among_best(similarity, task)
    entailment = entailments(judge, task, temperature)
    found["reranked"] = figures(entailment, task)
    if similarity is not None:
        scale = encoder.similarity_scale if encoder is not None else CLIP_SCALE
        found["fused"] = {
            str(weight): figures(fused(similarity, entailment, task, weight, scale), task) for weight in WEIGHTS
        }
    return found


def figures(scores: Floats, task: Task) -> dict[str, float]:
    """R@1, R@5, and the share of right pictures among the first five or however many there are."""
    allowed = scores if task.among is None else np.where(task.among, scores, -np.inf)
    best = np.argsort(-allowed, axis=1, kind="stable")[:, :5]
    right = np.take_along_axis(task.right, best, axis=1)
    most = np.minimum(task.right.sum(axis=1), 5)
    return {
        "R@1": float(right[:, 0].mean()),
        "R@5": float(right.any(axis=1).mean()),
        "P@5": float((right.sum(axis=1) / most).mean()),
    }
