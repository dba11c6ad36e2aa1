"""Distil the sentence teacher into the bundled text tower: `python -m recipes.text_tower`.

Writes CACHE/text_tower/: `texts.json`, `teacher.npy` (float16), `basis.npy`, `checkpoint.pt` while training,
`tower.pt` at the end, `curve.jsonl`. Safe to stop and run again: every stage is skipped when its file is
there, training goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from recipes.architecture import CONSE, build_model, encode_tokens
from recipes.phrases import distillation_texts
from recipes.sentence_teacher import SentenceTeacher, leading_directions, model_folder, padded
from recipes.sources import DEFAULT_CACHE, unpacked

VALIDATION = 2048
WIDTH = 256
LONGEST = 18  # tokens; longer texts are a tenth of all and a third of the time


def prepare_texts(cache: Path, folder: Path, composed_count: int) -> tuple[list[list[int]], np.ndarray, np.ndarray]:
    """Token ids, targets (n, 256) unit-norm, and the basis that takes the teacher's 384 values to 256."""
    teacher = SentenceTeacher(model_folder(unpacked(cache, "minilm")))
    if not (folder / "teacher.npy").exists():
        texts = distillation_texts(unpacked(cache, "wordnet"), composed_count=composed_count, seed=0)
        (folder / "texts.json").write_text(json.dumps(texts))
        print(f"embedding {len(texts)} texts with the teacher", flush=True)
        embeddings = teacher.embed(texts)
        np.save(folder / "basis.npy", leading_directions(embeddings, WIDTH))
        np.save(folder / "teacher.npy", embeddings.astype(np.float16))
    texts = json.loads((folder / "texts.json").read_text())
    basis = np.load(folder / "basis.npy")
    targets = np.load(folder / "teacher.npy").astype(np.float32) @ basis
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    tokens = teacher.tokenize(texts)
    short = [i for i, row in enumerate(tokens) if len(row) <= LONGEST]
    return [tokens[i] for i in short], targets[short], basis


def start_from_teacher(tower: Any, cache: Path) -> None:
    """Give the tower the leading directions of the teacher's own word embeddings, at a small scale."""
    words = SentenceTeacher(model_folder(unpacked(cache, "minilm"))).model.embeddings.word_embeddings
    table = words.weight.detach().float().numpy()
    reduced = table @ leading_directions(table, WIDTH)
    with torch.no_grad():
        tower.token_embedding.weight.copy_(torch.from_numpy(reduced / reduced.std() * 0.04))


def batches(lengths: np.ndarray, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """One epoch of index batches of similar length, shuffled."""
    order = rng.permutation(len(lengths))
    for start in range(0, len(order), size * 16):
        chunk = order[start : start + size * 16]
        chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
        groups = [chunk[i : i + size] for i in range(0, len(chunk), size)]
        for index in rng.permutation(len(groups)):
            yield groups[index]


def distillation_loss(student: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """4 (1 - cos) + InfoNCE at scale 20: near the teacher's text, and nearer to it than to any other."""
    student = functional.normalize(student, dim=-1)
    contrast = functional.cross_entropy(20 * student @ target.T, torch.arange(len(student)))
    return 4 * (1 - (student * target).sum(-1)).mean() + contrast


def learning_rate(step: int, total: int, peak: float) -> float:
    warm = min(1.0, (step + 1) / 100)
    return peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(step / total, 1))))


def mean_cosine(tower: Any, tokens: list[list[int]], targets: np.ndarray) -> float:
    with torch.inference_mode():
        out = torch.cat([encode_tokens(tower, padded(tokens[i : i + 512])) for i in range(0, len(tokens), 512)])
    cosine = functional.cosine_similarity(out[:, CONSE], torch.from_numpy(targets), dim=-1)
    return float(cosine.mean())


def train(tower: Any, tokens: list[list[int]], targets: np.ndarray, folder: Path, options: Any) -> None:
    """Distil for `options.steps` steps; appends to curve.jsonl and checkpoints every 200 steps."""
    optimizer = torch.optim.AdamW(tower.parameters(), lr=options.lr, weight_decay=0.01, betas=(0.9, 0.98), fused=True)
    step, started = 0, time.monotonic()
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        tower.load_state_dict(state["tower"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    kept = tokens[VALIDATION:]
    lengths = np.array([len(row) for row in kept])
    goal = torch.from_numpy(targets[VALIDATION:])
    while step < options.steps:
        for chosen in batches(lengths, options.batch, np.random.default_rng(step)):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, options.steps, options.lr)
            with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
                out = encode_tokens(tower, padded([kept[i] for i in chosen]))
            loss = distillation_loss(out.float()[:, CONSE], goal[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
            optimizer.step()
            step += 1
            if step % 100 == 0 or step == options.steps:
                report(folder, tower, tokens, targets, step, loss.item(), time.monotonic() - started)
                state = {"tower": tower.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
                torch.save(state, checkpoint)
            if step == options.steps:
                break


def report(folder: Path, tower: Any, tokens: Any, targets: np.ndarray, step: int, loss: float, seconds: float) -> None:
    cosine = mean_cosine(tower, tokens[:VALIDATION], targets[:VALIDATION])
    line = {"step": step, "loss": round(loss, 4), "cosine": round(cosine, 4), "seconds": round(seconds)}
    print(line, flush=True)
    with (folder / "curve.jsonl").open("a") as curve:
        curve.write(json.dumps(line) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--composed", type=int, default=100_000, help="how many composed phrases")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    folder = options.cache / "text_tower"
    folder.mkdir(parents=True, exist_ok=True)
    tokens, targets, _ = prepare_texts(options.cache, folder, options.composed)
    print(f"{len(tokens)} texts, {sum(map(len, tokens)) / len(tokens):.1f} tokens each", flush=True)
    tower = build_model().text
    start_from_teacher(tower, options.cache)
    train(tower, tokens, targets, folder, options)
    torch.save(tower.state_dict(), folder / "tower.pt")


if __name__ == "__main__":
    main()
