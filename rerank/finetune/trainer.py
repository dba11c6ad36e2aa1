"""The training loop: LoRA on the plain model, over image tokens that are encoded once, on one device or several."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from rerank.finetune.checkpoints import Checkpoint
from rerank.finetune.features import ImageFeatures
from rerank.finetune.history import History, Step, Validation
from rerank.finetune.metrics import confusion, figures
from rerank.finetune.network import Base, PairLogits, load_trained, trained_state
from rerank.finetune.pairs import LabelledPair
from rerank.finetune.settings import FinetuneSettings
from rerank.finetune.splits import Split
from rerank.types import LABELS

if TYPE_CHECKING:
    from accelerate import Accelerator

# Pairs in one forward pass of a validation.
JUDGED = 32


@dataclass(frozen=True)
class Events:
    """What the caller hears of: each optimiser step, each validation, each time the state should be kept."""

    step: Callable[[Step, int], None]
    validation: Callable[[Validation, bool], None]
    keep: Callable[[Checkpoint], None]


class Trainer:
    """One run. Chance depends on the seed and the number of the step alone, so that a resumed run is the same run."""

    def __init__(
        self,
        base: Base,
        model: Any,
        split: Split,
        features: ImageFeatures,
        settings: FinetuneSettings,
        accelerator: Accelerator,
        run: str,
    ) -> None:
        self.settings, self.split, self.run = settings, split, run
        self.history = History()
        self._step = 0
        self._accelerator, self._features = accelerator, features
        self._prompts = {id(pair): base.prompt(pair.hypothesis, pair.premise) for pair in _all_pairs(split)}
        dtype = torch.bfloat16 if accelerator.mixed_precision == "bf16" else torch.float32
        self._logits = PairLogits(base, accelerator.device, dtype)
        parameters = [value for value in model.parameters() if value.requires_grad]
        optimiser = torch.optim.AdamW(parameters, lr=1.0, weight_decay=settings.weight_decay)
        self.plain = model
        self.model, self._optimiser = accelerator.prepare(model, optimiser)
        self._weights = _class_weights(split.training, settings.balance).to(accelerator.device)
        self._saved = time.monotonic()

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of one pass over the training rows."""
        return math.ceil(len(self.split.training) / self.batch)

    @property
    def batch(self) -> int:
        """Pairs of an optimiser step, over accumulation and processes."""
        return self.settings.batch_size * self.settings.accumulate * int(self._accelerator.num_processes)

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole run, if it is not stopped early."""
        return self.steps_per_epoch * self.settings.epochs

    def restore(self, saved: Checkpoint) -> None:
        """Go on from ``saved``."""
        load_trained(self.plain, saved.trained)
        self._optimiser.load_state_dict(saved.optimiser)
        self.history, self._step = saved.history, saved.step

    def checkpoint(self, *, finished: bool = False) -> Checkpoint:
        """The state after the last step."""
        return Checkpoint(
            self.run, self._step, finished, self.history, trained_state(self.plain), self._optimiser.state_dict()
        )

    def train(self, events: Events) -> None:
        """Train to the last epoch, or until validation has not got better for ``patience`` epochs."""
        while self._step < self.total_steps and not self._patience_over():
            epoch, place = divmod(self._step, self.steps_per_epoch)
            order = _order(len(self.split.training), self.settings.seed, epoch)
            rows = [self.split.training[n] for n in _wrapped(order, place, self.batch, self._accelerator.num_processes)]
            done = self._train_step(rows, epoch)
            self.history.steps.append(done)
            events.step(done, self.total_steps)
            if self._step % self.steps_per_epoch == 0:
                found = self.validate(epoch)
                better = found.better_than(self.history.best)
                self.history.validations.append(found)
                events.validation(found, better)
                self._keep(events)
            elif time.monotonic() - self._saved > 60 * self.settings.checkpoint_minutes:
                self._keep(events)

    def validate(self, epoch: int) -> Validation:
        """Judge the held-out rows."""
        probabilities = self.probabilities(self.split.validation)
        truth = np.array([pair.target for pair in self.split.validation])
        found = figures(confusion(truth, probabilities.argmax(axis=1)).astype(np.float64))
        loss = -np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-12)).mean()
        return Validation(self._step, epoch, float(loss), float(found["accuracy"]), float(found["f1"]))

    @torch.no_grad()
    def probabilities(self, pairs: Sequence[LabelledPair]) -> NDArray[np.float32]:
        """Probabilities (n, 3) of ``pairs`` by the model in training, shared out among the processes."""
        self.model.eval()
        accelerator = self._accelerator
        found = torch.zeros(len(pairs), len(LABELS), device=accelerator.device)
        # Prompts of one length together: less padding.
        order = sorted(range(len(pairs)), key=lambda n: len(self._prompts[id(pairs[n])]))
        mine = order[accelerator.process_index :: accelerator.num_processes]
        for start in range(0, len(mine), JUDGED):
            part = mine[start : start + JUDGED]
            with accelerator.autocast():
                logits = self._forward(self.plain, [pairs[n] for n in part])
            found[part] = torch.softmax(logits, dim=-1)
        summed: torch.Tensor = accelerator.reduce(found, reduction="sum")
        return np.asarray(summed.cpu().numpy(), dtype=np.float32)

    def _train_step(self, rows: Sequence[LabelledPair], epoch: int) -> Step:
        accelerator, settings = self._accelerator, self.settings
        mine = rows[accelerator.process_index :: accelerator.num_processes]
        parts = [mine[n : n + settings.batch_size] for n in range(0, len(mine), settings.batch_size)]
        torch.manual_seed(hash((settings.seed, self._step, accelerator.process_index)) % 2**63)
        rate = settings.rate_for(self.batch) * self._schedule()
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self.model.train()
        total = torch.zeros((), device=accelerator.device)
        for number, part in enumerate(parts):
            waits = number < len(parts) - 1
            with accelerator.no_sync(self.model) if waits else nullcontext(), accelerator.autocast():
                targets = torch.tensor([pair.target for pair in part], device=accelerator.device)
                loss = F.cross_entropy(self._forward(self.model, part), targets, self._weights, reduction="none").sum()
                loss = loss / len(mine)
                accelerator.backward(loss)
            total += loss.detach()
        if settings.clip:
            accelerator.clip_grad_norm_(self.model.parameters(), settings.clip)
        self._optimiser.step()
        self._optimiser.zero_grad()
        self._step += 1
        mean: torch.Tensor = accelerator.reduce(total, reduction="mean")
        return Step(self._step, epoch, float(mean), rate)

    def _forward(self, model: Any, pairs: Sequence[LabelledPair]) -> torch.Tensor:
        image = self._features.rows([pair.image for pair in pairs])
        return self._logits(model, image, [self._prompts[id(pair)] for pair in pairs])

    def _schedule(self) -> float:
        """Share of the learning rate: a linear rise, then half a cosine down to a twentieth."""
        warm = max(1, round(self.settings.warmup * self.total_steps))
        if self._step < warm:
            return (self._step + 1) / warm
        share = (self._step - warm) / max(1, self.total_steps - warm)
        return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * share))

    def _patience_over(self) -> bool:
        return bool(self.settings.patience) and self.history.since_best >= self.settings.patience

    def _keep(self, events: Events) -> None:
        self._saved = time.monotonic()
        events.keep(self.checkpoint())


def _order(count: int, seed: int, epoch: int) -> list[int]:
    order = list(range(count))
    random.Random(f"{seed}/{epoch}").shuffle(order)  # noqa: S311
    return order


def _wrapped(order: Sequence[int], place: int, batch: int, processes: int) -> list[int]:
    """The rows of an epoch's step ``place``; filled up from its beginning so that each process has equally many."""
    rows = list(order[place * batch : (place + 1) * batch])
    spare = -len(rows) % processes
    return rows + list(order[:spare])


def _all_pairs(split: Split) -> list[LabelledPair]:
    return [*split.training, *split.validation]


def _class_weights(pairs: Sequence[LabelledPair], balance: bool) -> torch.Tensor:
    """One factor a class: 1, or what makes classes that occur weigh the same, with a mean of 1 over rows."""
    if not balance:
        return torch.ones(len(LABELS))
    counts = torch.bincount(torch.tensor([pair.target for pair in pairs]), minlength=len(LABELS)).float()
    there = int((counts > 0).sum())
    return torch.where(counts > 0, len(pairs) / (there * counts.clamp_min(1)), torch.zeros_like(counts))
