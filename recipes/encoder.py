"""Train the trunk's upper part and the image head beside the distilled text tower: `python -m recipes.encoder`.

Needs `recipes.text_tower`, `recipes.maps` and `recipes.reranker.features`. Writes CACHE/encoder/head.pt and
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
from recipes.top import Top
from recipes.training_set import DREAMT, WIDTH, TrainingSet, build, kept_states, sample_features
from recipes.trunk import load_trunk
from recipes.validation import validation_sets


class Training:
    """The trunk's top, the head, what is trained besides them, and how far it has come; one checkpoint file."""

    def __init__(self, top: Top, head: ImageHead, options: argparse.Namespace) -> None:
        self.top = top
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
            {"params": list(top.parameters()), "lr": options.top_lr, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, fused=True)
        whole = lambda step: cycle(step, options.steps)  # noqa: E731
        late = lambda step: cycle(step - options.warm, options.steps - options.warm)  # noqa: E731
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, [whole, whole, whole, late])

    @torch.no_grad()
    def start_on_sphere(self, features: torch.Tensor, states: torch.Tensor, conse_norm: float) -> None:
        """Scale the random learned parts to length 1, and the ConSE block to its share."""
        conse, learned = self.head(features)
        self.head.learned.weight /= mean_norm(learned)
        self.projection.div_(mean_norm(states[:2048] @ self.projection))
        self.conse_weight = conse_norm / mean_norm(conse)

    def text_projection(self, distilled: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """(256, EMBED_DIM): the ConSE columns as distilled, at mean length 1, and the learned ones as trained."""
        return torch.cat([distilled / mean_norm(states @ distilled), self.projection.detach()], dim=1)

    def save(self, path: Path, text_projection: torch.Tensor) -> None:
        """What `recipes.package` reads, and what is needed to go on; written aside, then renamed."""
        content = {
            "top": self.top.state_dict(), "head": self.head.state_dict(), "text_projection": text_projection,
            "conse_weight": self.conse_weight,
            "log_scale": self.log_scale.detach(), "projection": self.projection.detach(), "step": self.step,
            "optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict(),
        }  # fmt: skip
        torch.save(content, path.with_suffix(".partial"))
        path.with_suffix(".partial").replace(path)

    @torch.no_grad()
    def resume(self, path: Path) -> None:
        content = torch.load(path, weights_only=True)
        self.top.load_state_dict(content["top"])
        self.head.load_state_dict(content["head"])
        self.log_scale.copy_(content["log_scale"])
        self.projection.copy_(content["projection"])
        self.conse_weight, self.step = content["conse_weight"], content["step"]
        self.optimizer.load_state_dict(content["optimizer"])
        self.schedule.load_state_dict(content["schedule"])


def cycle(step: int, steps: int) -> float:
    """Share of the peak rate: up in the first twentieth, then down along a cosine; none before step 0."""
    rise = max(1, steps // 20)
    if step < rise:
        return max(0.0, (step + 1) / rise)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def mean_norm(rows: torch.Tensor) -> float:
    return float(rows.norm(dim=1).mean())


def blended(maps: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Maps with a rectangle of another picture's in each: like neither of them, as photos are."""
    cells = maps.unflatten(1, (14, 14)).clone()
    height, width = rng.integers(4, 11, 2)
    top, left = rng.integers(0, 15 - height), rng.integers(0, 15 - width)
    other = cells[torch.from_numpy(rng.permutation(len(cells)))]
    cells[:, top : top + height, left : left + width] = other[:, top : top + height, left : left + width]
    return cells.flatten(1, 2)


class Step:
    """One step: a batch is drawn by its number, so that a run that was stopped goes on as it would have."""

    def __init__(self, training: Training, published: Top, data: TrainingSet, tower: Any, options: Any) -> None:
        self.training, self.published, self.data, self.options = training, published, data, options
        self.states = kept_states(tower, data.tokens, options.cache / "encoder" / "states.pt")
        self.distilled = tower.text_projection.detach()[:, CONSE]
        self.cumulative = np.cumsum(data.probability)
        self.spread = torch.from_numpy(sample_features(data, published, 1024).std(0)).clamp(min=0.05)

    def features(self, chosen: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (n, 1280) of a batch, and how far the top has moved from the published one (a loss)."""
        dreamt = self.data.source[chosen] == DREAMT
        maps = self.data.read(chosen[~dreamt])
        mixed = blended(maps[: int(len(maps) * self.options.kept_share)], rng)
        with torch.set_grad_enabled(self.training.step >= self.options.warm):
            seen = self.training.top(torch.cat([maps, mixed]))
        with torch.no_grad():
            before = self.published(mixed)
        moved = ((seen[len(maps) :] - before) / self.spread).square().mean()
        features = torch.empty(len(chosen), seen.shape[1])
        features[torch.from_numpy(~dreamt)] = seen[: len(maps)]
        features[torch.from_numpy(dreamt)] = self.data.dreamt[self.data.rows[chosen[dreamt]]]
        return features, moved

    def loss(self, number: int) -> tuple[torch.Tensor, float]:
        rng = np.random.default_rng(number)
        chosen = np.searchsorted(self.cumulative, rng.random(self.options.batch) * self.cumulative[-1])
        rows = torch.from_numpy(chosen)
        texts, keys = pick_captions(self.data, rows)
        spoken = self.states[texts]
        outputs = torch.cat([spoken @ self.distilled, spoken @ self.training.projection], dim=1)
        features, moved = self.features(chosen, rng)
        loss = loss_of(self.training.head, self.data, rows, features, outputs, keys, self.training)
        return loss + self.options.keep * moved, float(moved)


def train(training: Training, step: Step, tower: Any, options: argparse.Namespace) -> None:
    """Contrastive training with the text tower frozen; only its projection's learned columns move."""
    path = options.cache / "encoder" / "head.pt"
    if path.exists():
        training.resume(path)
    else:
        features = torch.from_numpy(sample_features(step.data, step.published, 2048))
        training.start_on_sphere(features, step.states, options.conse_norm)
    checks = validation_sets(options.cache, tower)
    started = time.monotonic()
    while training.step < options.steps:
        torch.manual_seed(training.step)
        loss, moved = step.loss(training.step)
        training.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        training.optimizer.step()
        training.schedule.step()
        training.step += 1
        seconds = time.monotonic() - started
        if training.step % 10 == 0:
            print(f"step {training.step} loss {loss.item():.3f} moved {moved:.3f} {seconds:.0f} s", flush=True)
        if training.step % options.every == 0 or training.step == options.steps:
            projection = training.text_projection(step.distilled, step.states)
            weight = training.conse_weight
            recalls = {one.name: one.recall(training.top, training.head, projection, weight) for one in checks}
            report(training.step, loss.item(), seconds, recalls, options.cache)
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
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--top-lr", type=float, default=2e-4, help="peak rate of the trunk's upper part")
    parser.add_argument("--warm", type=int, default=100, help="steps in which the head alone is trained")
    parser.add_argument("--keep", type=float, default=1.0, help="weight of staying near the published trunk")
    parser.add_argument("--kept-share", type=float, default=0.25, help="share of a batch that is held to it")
    parser.add_argument("--every", type=int, default=50, help="steps between checkpoints")
    parser.add_argument("--dropout", type=float, default=0.15)
    parser.add_argument("--scale", type=float, default=2.0, help="steepness of a class's evidence")
    parser.add_argument("--threshold", type=float, default=4.0, help="logit below which a class counts as not seen")
    parser.add_argument("--conse-norm", type=float, default=0.5, help="mean length of the ConSE block, learned = 1")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    (options.cache / "encoder").mkdir(parents=True, exist_ok=True)
    tower = build_model().text
    tower.load_state_dict(torch.load(options.cache / "text_tower" / "tower.pt", weights_only=True))
    tower.eval()
    conse = load_conse(options.cache, np.load(options.cache / "text_tower" / "basis.npy"))
    head = ImageHead(conse, scale=options.scale, threshold=options.threshold)
    trunk = load_trunk(unpacked(options.cache, "efficientnet_lite0"))
    published = Top(trunk).requires_grad_(False)
    teacher = SentenceTeacher(model_folder(unpacked(options.cache, "minilm")))
    data = build(options.cache, teacher, conse, published)
    training = Training(Top(trunk), head, options)
    train(training, Step(training, published, data, tower, options), tower, options)


if __name__ == "__main__":
    main()
