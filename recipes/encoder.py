"""Train the image head beside the distilled text tower: `python -m recipes.encoder`.

Needs `recipes.text_tower`, `recipes.features` and `recipes.reranker.features`. Writes CACHE/encoder/head.pt and
curve.jsonl; stops and starts again at the last checkpoint. `python -m recipes.package` makes the bundle of it.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from recipes.architecture import CONSE, LEARNED, build_model
from recipes.conse import load_conse
from recipes.image_head import ImageHead, loss_of, pick_captions
from recipes.sentence_teacher import SentenceTeacher, model_folder
from recipes.sources import DEFAULT_CACHE, unpacked
from recipes.training_set import WIDTH, TrainingSet, build, states_of
from recipes.validation import validation_sets

class State:
    """What is trained besides the head, and the constants of the loss."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.log_scale = nn.Parameter(torch.tensor(math.log(20.0)))
        self.projection = nn.Parameter(torch.randn(WIDTH, LEARNED.stop - LEARNED.start))
        self.dropout: float = options.dropout
        self.conse_weight: float = 1.0


def mean_norm(rows: torch.Tensor) -> float:
    return float(rows.norm(dim=1).mean())


@torch.no_grad()
def start_on_sphere(head: ImageHead, state: State, data: TrainingSet, states: torch.Tensor, conse_norm: float) -> None:
    """Scale the random learned parts to length 1, and the ConSE block to its share."""
    sample = torch.randperm(len(data.features))[:2048]
    conse, learned = head(data.features[sample])
    head.learned.weight /= mean_norm(learned)
    state.projection /= mean_norm(states[:2048] @ state.projection)
    state.conse_weight = conse_norm / mean_norm(conse)


def train(head: ImageHead, state: State, data: TrainingSet, tower: Any, options: argparse.Namespace) -> None:
    """Contrastive training with the text tower frozen; only its projection's learned columns move."""
    states = states_of(tower, data.tokens)
    start_on_sphere(head, state, data, states, options.conse_norm)
    distilled = tower.text_projection.detach()[:, CONSE]
    groups = [
        {"params": [head.free.weight, head.learned.weight], "lr": options.lr, "weight_decay": 0.05},
        {"params": [head.free.bias, state.log_scale], "lr": options.lr, "weight_decay": 0.0},
        {"params": [state.projection], "lr": options.lr * 0.3, "weight_decay": 0.01},
    ]
    optimizer = torch.optim.AdamW(groups, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [group["lr"] for group in groups], total_steps=options.steps, pct_start=0.05
    )
    rng, started = np.random.default_rng(0), time.monotonic()
    checks = validation_sets(options.cache, tower)
    probability = np.cumsum(data.probability)
    for step in range(1, options.steps + 1):
        rows = torch.from_numpy(np.searchsorted(probability, rng.random(options.batch) * probability[-1]))
        texts, keys = pick_captions(data, rows)
        chosen = states[texts]
        outputs = torch.cat([chosen @ distilled, chosen @ state.projection], dim=1)
        loss = loss_of(head, data, rows, outputs, keys, state)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 200 == 0 or step == options.steps:
            projection = text_projection(tower, state, states)
            recalls = {check.name: check.recall(head, projection, state.conse_weight) for check in checks}
            report(step, float(loss), time.monotonic() - started, recalls, options.cache)
    torch.save(
        {"head": head.state_dict(), "text_projection": text_projection(tower, state, states),
         "conse_weight": state.conse_weight, "log_scale": state.log_scale.detach()},
        options.cache / "encoder" / "head.pt",
    )  # fmt: skip


def text_projection(tower: Any, state: State, states: torch.Tensor) -> torch.Tensor:
    """(256, EMBED_DIM): the ConSE columns as distilled, at mean length 1, and the learned ones as trained."""
    distilled = tower.text_projection.detach()[:, CONSE]
    return torch.cat([distilled / mean_norm(states @ distilled), state.projection.detach()], dim=1)


def report(step: int, loss: float, seconds: float, recalls: dict[str, float], cache: Path) -> None:
    line: dict[str, Any] = {"step": step, "loss": round(loss, 4), "seconds": round(seconds)}
    line |= {name: round(value, 3) for name, value in recalls.items()}
    print(line, flush=True)
    with (cache / "encoder" / "curve.jsonl").open("a") as curve:
        curve.write(json.dumps(line) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--batch", type=int, default=768)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, default=0.15)
    parser.add_argument("--scale", type=float, default=2.0, help="steepness of a class's evidence")
    parser.add_argument("--threshold", type=float, default=4.0, help="logit below which a class counts as not seen")
    parser.add_argument("--conse-norm", type=float, default=0.5, help="mean length of the ConSE block, learned = 1")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    (options.cache / "encoder").mkdir(parents=True, exist_ok=True)
    tower = build_model().text
    tower.load_state_dict(torch.load(options.cache / "text_tower" / "tower.pt", weights_only=True))
    tower.eval()
    conse = load_conse(options.cache, np.load(options.cache / "text_tower" / "basis.npy"))
    head = ImageHead(conse, scale=options.scale, threshold=options.threshold)
    data = build(options.cache, SentenceTeacher(model_folder(unpacked(options.cache, "minilm"))), conse)
    state = State(options)
    train(head, state, data, tower, options)


if __name__ == "__main__":
    main()
