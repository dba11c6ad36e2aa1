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


class Training:
    """The head, what is trained besides it, and how far it has come; kept in one checkpoint file."""

    def __init__(self, head: ImageHead, options: argparse.Namespace) -> None:
        self.head = head
        self.log_scale = nn.Parameter(torch.tensor(math.log(20.0)))
        self.projection = nn.Parameter(torch.randn(WIDTH, LEARNED.stop - LEARNED.start))
        self.dropout: float = options.dropout
        self.conse_weight: float = 1.0
        self.step = 0
        groups = [
            {"params": [head.free.weight, head.learned.weight], "lr": options.lr, "weight_decay": 0.05},
            {"params": [head.free.bias, self.log_scale], "lr": options.lr, "weight_decay": 0.0},
            {"params": [self.projection], "lr": options.lr * 0.3, "weight_decay": 0.01},
        ]
        peaks = [options.lr, options.lr, options.lr * 0.3]
        self.optimizer = torch.optim.AdamW(groups, fused=True)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, peaks, total_steps=options.steps, pct_start=0.05
        )

    @torch.no_grad()
    def start_on_sphere(self, data: TrainingSet, states: torch.Tensor, conse_norm: float) -> None:
        """Scale the random learned parts to length 1, and the ConSE block to its share."""
        sample = torch.randperm(len(data.features))[:2048]
        conse, learned = self.head(data.features[sample])
        self.head.learned.weight /= mean_norm(learned)
        self.projection.div_(mean_norm(states[:2048] @ self.projection))
        self.conse_weight = conse_norm / mean_norm(conse)

    def text_projection(self, distilled: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """(256, EMBED_DIM): the ConSE columns as distilled, at mean length 1, and the learned ones as trained."""
        return torch.cat([distilled / mean_norm(states @ distilled), self.projection.detach()], dim=1)

    def save(self, path: Path, text_projection: torch.Tensor) -> None:
        """What `recipes.package` reads, and what is needed to go on; written aside, then renamed."""
        content = {
            "head": self.head.state_dict(), "text_projection": text_projection, "conse_weight": self.conse_weight,
            "log_scale": self.log_scale.detach(), "projection": self.projection.detach(), "step": self.step,
            "optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict(),
        }  # fmt: skip
        torch.save(content, path.with_suffix(".partial"))
        path.with_suffix(".partial").replace(path)

    @torch.no_grad()
    def resume(self, path: Path) -> None:
        content = torch.load(path, weights_only=True)
        self.head.load_state_dict(content["head"])
        self.log_scale.copy_(content["log_scale"])
        self.projection.copy_(content["projection"])
        self.conse_weight, self.step = content["conse_weight"], content["step"]
        self.optimizer.load_state_dict(content["optimizer"])
        self.schedule.load_state_dict(content["schedule"])


def mean_norm(rows: torch.Tensor) -> float:
    return float(rows.norm(dim=1).mean())


def train(training: Training, data: TrainingSet, tower: Any, options: argparse.Namespace) -> None:
    """Contrastive training with the text tower frozen; only its projection's learned columns move."""
    path = options.cache / "encoder" / "head.pt"
    states = states_of(tower, data.tokens)
    distilled = tower.text_projection.detach()[:, CONSE]
    if path.exists():
        training.resume(path)
    else:
        training.start_on_sphere(data, states, options.conse_norm)
    checks = validation_sets(options.cache, tower)
    probability = np.cumsum(data.probability)
    started = time.monotonic()
    while training.step < options.steps:
        draws = np.random.default_rng(training.step).random(options.batch) * probability[-1]
        rows = torch.from_numpy(np.searchsorted(probability, draws))
        texts, keys = pick_captions(data, rows)
        chosen = states[texts]
        outputs = torch.cat([chosen @ distilled, chosen @ training.projection], dim=1)
        loss = loss_of(training.head, data, rows, outputs, keys, training)
        training.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        training.optimizer.step()
        training.schedule.step()
        training.step += 1
        if training.step % 200 == 0 or training.step == options.steps:
            projection = training.text_projection(distilled, states)
            recalls = {check.name: check.recall(training.head, projection, training.conse_weight) for check in checks}
            report(training.step, loss.item(), time.monotonic() - started, recalls, options.cache)
            training.save(path, projection)


def report(step: int, loss: float, seconds: float, recalls: dict[str, float], cache: Path) -> None:
    line: dict[str, Any] = {"step": step, "loss": round(loss, 4), "seconds": round(seconds)}
    line |= {name: round(value, 3) for name, value in recalls.items()}
    print(line, flush=True)
    with (cache / "encoder" / "curve.jsonl").open("a") as curve:
        curve.write(json.dumps(line) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--steps", type=int, default=600)
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
    train(Training(head, options), data, tower, options)


if __name__ == "__main__":
    main()
