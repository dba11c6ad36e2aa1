"""Train the reranker on cached features: `python -m recipes.reranker.train`.

Writes CACHE/reranker/RUN/: `checkpoint.pt` every few minutes (weights, their running average, optimiser,
random states), `curve.jsonl` and `curve.png`. Safe to stop and run again: it goes on from the checkpoint.
``--start`` begins a new run, with a schedule of its own, from the averaged weights of another.
The learning rate follows the share of ``--steps`` or of ``--minutes`` that has passed, whichever is larger.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from indexer.samples.scenes import caption
from recipes.reranker.auxiliary import Auxiliary
from recipes.reranker.batches import Batch, Sampler, planned
from recipes.reranker.curve import plot_curve
from recipes.reranker.drawn import scene_of
from recipes.reranker.grounding import LABEL_TABLES
from recipes.reranker.hypotheses import Hypothesis
from recipes.reranker.optimising import build_optimiser, learning_rate, trained_weights
from recipes.reranker.packed import States, answer_logits, keep_apart
from recipes.reranker.starting import build_model, feature_statistics
from recipes.sources import DEFAULT_CACHE
from rerank.ofa.entailment import ANSWERS, answer_token
from rerank.ofa.preprocess import normalise_text

FEATURE_DROPOUT = 0.1
AVERAGE = 0.998


@dataclass
class Progress:
    """How far the run is; ``seconds`` counts training only, over all of its sittings; ``before`` in earlier runs."""

    step: int = 0
    seconds: float = 0.0
    before: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)

    def share(self, steps: int, minutes: float) -> float:
        """0 at the start, 1 at the end."""
        return min(1.0, max(self.step / steps, self.seconds / (60 * minutes)))


class Trainer:
    """The model in training with all that a checkpoint holds."""

    def __init__(self, cache: Path, options: argparse.Namespace) -> None:
        root = cache / "reranker"
        self.options, self.folder = options, root / options.run
        self.folder.mkdir(parents=True, exist_ok=True)
        self.cache = cache
        self.sampler = Sampler(cache, "train", "named")
        validation = Sampler(cache, "valid", "named_valid")
        self.checks, self.twins = _checks(validation), _twins(validation)
        tokenizer = self.sampler.tokenizer
        self.answers = torch.tensor([answer_token(answer, tokenizer) for answer in ANSWERS])
        saved = self._saved()
        sets = (self.sampler.drawn, self.sampler.others)
        started = None if saved or not options.start else _load_checkpoint(root / options.start)
        known = saved or started
        statistics: tuple[Tensor, Tensor] = known["statistics"] if known else feature_statistics(*sets)
        self.mean, self.deviation = statistics
        self.model = build_model(cache, tokenizer, self.deviation, options.seed)
        tables = (*LABEL_TABLES, list(self.sampler.concepts))
        names = [[tokenizer.encode(" " + normalise_text(name, 8)) for name in table] for table in tables]
        self.heads = Auxiliary(self.model.config.d_model, self.model.config.encoder_layers, names)
        self.weights = trained_weights(self.model)
        if started:
            self._load(started["average"])
        self.average = {name: value.detach().clone() for name, value in self.weights.items()}
        self.optimiser = build_optimiser(self.model, self.heads)
        self.progress = Progress()
        if started:
            self.heads.load_state_dict(started["heads"], strict=False)
            earlier = Progress(**started["progress"])
            self.progress.before = earlier.before + earlier.seconds
        if saved:
            self._restore(saved)

    def name_pictures(self, steps: int = 120, pictures: int = 48) -> None:
        """Before anything else: the picture's rows learn to lie where the words of what they show lie."""
        rng = random.Random(self.options.seed)
        for step in range(steps):
            rows = [rng.choice(self.sampler.single) for _ in range(pictures)]
            batch = self.sampler.batch(self.sampler.plan_rows(rows, [[Hypothesis("", "neutral")]] * pictures))
            embedded = self.model.encoder.embed_image((batch.features.float() - self.mean) / self.deviation)
            loss = self.heads.pictures[0](embedded, batch.where, batch.shown, self.model.embed_tokens.weight)
            loss.backward()
            self._update(2 * self.options.rate * min(1.0, (step + 1) / 30))
        print(f"pictures named: loss {float(loss.detach()):.3f}", flush=True)

    def _update(self, rate: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["pace"]
        torch.nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad()
        keep_apart(self.model)

    def run(self) -> None:
        """Train until the planned end."""
        options, progress = self.options, self.progress
        if progress.step == 0 and not options.start:
            self.name_pictures()
        reached = multiprocessing.get_context("spawn").Value("d", self._mixing())
        seed = f"{options.seed}/{progress.step}"
        plans = planned(self.cache, seed, (options.pictures, options.texts), reached)
        plan = next(plans)
        last_saved, loss = time.time(), 0.0
        losses: list[list[float]] = []
        while self._share() < 1.0:
            begun = time.time()
            losses.append(self.step(self.sampler.batch(plan)))
            plan = next(plans)
            progress.seconds += time.time() - begun
            progress.step += 1
            reached.value = self._mixing()
            if progress.step % 25 == 0:
                mean = [sum(values) / len(losses) for values in zip(*losses, strict=True)]
                rate = progress.step / progress.seconds
                done = f"{progress.step} {100 * self._share():.0f}%"
                parts = " ".join(f"{part:.3f}" for part in mean)
                print(f"{done} losses {parts} {rate:.2f}/s", flush=True)
                loss, losses = mean[0], []
                if time.time() - last_saved > 60 * options.every:
                    self.save(loss)
                    last_saved = time.time()
        self.save(loss)

    def step(self, batch: Batch) -> list[float]:
        """One optimiser step; the answers' loss, then those of ``Auxiliary``."""
        self.model.train()
        rate = learning_rate(self.options.rate, self.progress.step, self._share())
        logits, states = self._forward(batch)
        loss = F.cross_entropy(logits.flatten(0, 1), batch.labels.flatten())
        told = self.heads(states, batch, self.model.embed_tokens.weight)
        (loss + self.heads.shares @ told).backward()
        self._update(rate)
        with torch.no_grad():
            keep = min(AVERAGE, (1 + self.progress.step) / (10 + self.progress.step))
            for name, value in self.weights.items():
                self.average[name].lerp_(value, 1 - keep)
        return [float(loss.detach()), *told.tolist()]

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Three-way accuracy of the averaged weights on each sort of unseen picture; swapped captions found out."""
        current = {name: value.detach().clone() for name, value in self.weights.items()}
        self._load(self.average)
        self.model.eval()
        found = {}
        for name, batches in self.checks.items():
            hits = [(self._forward(batch)[0].argmax(-1) == batch.labels).float().mean() for batch in batches]
            found[name] = float(torch.stack(hits).mean())
        entailed = [self._forward(batch)[0].softmax(dim=-1)[:, :, 0] for batch in self.twins]
        found["bound"] = float((torch.cat(entailed)[:, 0] > torch.cat(entailed)[:, 1]).float().mean())
        self._load(current)
        return found

    def save(self, loss: float) -> None:
        """Evaluate, then write the checkpoint aside and rename it."""
        progress = self.progress
        entry = {"step": progress.step, "minutes": (progress.before + progress.seconds) / 60, "loss": loss}
        entry |= self.evaluate()
        self.progress.curve.append(entry)
        print(json.dumps({key: round(value, 3) for key, value in entry.items()}), flush=True)
        state = {
            "model": dict(self.weights),
            "average": self.average,
            "heads": self.heads.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "statistics": (self.mean, self.deviation),
            "progress": dataclasses.asdict(self.progress),
        }
        partial = self.folder / "checkpoint.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "checkpoint.pt")
        lines = [json.dumps(entry) for entry in self.progress.curve]
        (self.folder / "curve.jsonl").write_text("\n".join(lines) + "\n")
        plot_curve(self.progress.curve, self.folder / "curve.png")

    def _share(self) -> float:
        return self.progress.share(self.options.steps, self.options.minutes)

    def _forward(self, batch: Batch) -> tuple[Tensor, States]:
        features = (batch.features.float() - self.mean) / self.deviation
        features = F.dropout(features, FEATURE_DROPOUT, training=self.model.training)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.options.bf16):
            logits, states = answer_logits(self.model, features, batch.tokens, self.answers)
        return logits.float(), states

    def _mixing(self) -> float:
        """How far the mixture of pictures is; one who has learned before needs no easy beginning."""
        return 1.0 if self.options.start else self._share()

    def _saved(self) -> dict[str, Any] | None:
        return _load_checkpoint(self.folder) if (self.folder / "checkpoint.pt").exists() else None

    def _restore(self, saved: dict[str, Any]) -> None:
        self._load(saved["model"])
        self.average = saved["average"]
        self.heads.load_state_dict(saved["heads"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.progress = Progress(**saved["progress"])

    def _load(self, values: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, value in self.weights.items():
                value.copy_(values[name])


def _load_checkpoint(folder: Path) -> dict[str, Any]:
    saved: dict[str, Any] = torch.load(folder / "checkpoint.pt", weights_only=True)
    return saved


def _twins(validation: Sampler, pictures: int = 40) -> list[Batch]:
    """Scenes with their own caption and, second, that of their swapped twin."""
    scenes = {n: scene_of(validation.drawn.records[n]) for pair in validation.twins.items() for n in pair}
    rows = [(False, n) for n in validation.twins]
    texts = [
        [Hypothesis(caption(scenes[n]), "entailment"), Hypothesis(caption(scenes[other]), "contradiction")]
        for n, other in validation.twins.items()
    ]
    starts = range(0, len(rows), pictures)
    return [validation.batch(validation.plan_rows(rows[n : n + pictures], texts[n : n + pictures])) for n in starts]


def _checks(validation: Sampler) -> dict[str, list[Batch]]:
    rng = random.Random(99)
    pools = {"single": validation.single, "double": validation.double, "named": validation.named}
    checks = {}
    for name, pool in pools.items():
        rows = rng.sample(pool, min(72, len(pool)))
        groups = [rows[start : start + 24] for start in range(0, len(rows), 24)]
        plans = [validation.plan_rows(g, [validation.hypotheses(row, rng, 8) for row in g]) for g in groups]
        checks[name] = [validation.batch(plan) for plan in plans]
    return checks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--run", default="run", help="folder of checkpoint and curve")
    parser.add_argument("--start", help="folder of another run, to begin from its averaged weights")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--minutes", type=float, default=240.0, help="of training; the schedule ends by then")
    parser.add_argument("--every", type=float, default=4.0, help="minutes between checkpoints")
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--texts", type=int, default=12)
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    # Gradients through near-zero attention underflow; numbers that small slow the CPU tenfold.
    torch.set_flush_denormal(True)
    Trainer(options.cache, options).run()


if __name__ == "__main__":
    main()
