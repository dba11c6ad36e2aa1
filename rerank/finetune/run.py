"""`finetune`: from a table of labelled pairs to an adapter, checked first, resumable, the best state kept."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from rerank.adapters import read_record
from rerank.errors import InputError
from rerank.finetune.checkpoints import FOLDER, Checkpoint, clear_run, run_fingerprint
from rerank.finetune.checks import ImageKeys, data_fingerprint, imbalance, leaks, repeated
from rerank.finetune.features import ImageFeatures
from rerank.finetune.folder import describe, save_adapter, write_record, write_rows
from rerank.finetune.history import CURVES_FILE, LOGS, History, Step, TensorBoardLog, Validation, draw_curves
from rerank.finetune.network import NO_PEFT, Base, trained_parameters, with_lora
from rerank.finetune.pairs import LabelledPair, PairTable, Problem, TableInvalid
from rerank.finetune.settings import FinetuneSettings
from rerank.finetune.splits import Split, split_pairs
from rerank.finetune.trainer import Events, Trainer
from rerank.hardware import choose_device, has_fast_bf16

if TYPE_CHECKING:
    from accelerate import Accelerator

Notify = Callable[[str], None]
Progress = Callable[[int, int], None]
log = logging.getLogger("veralens")


@dataclass(frozen=True)
class Prepared:
    """Data that can be trained on: rows by split, what was left out and what is odd about the rest."""

    split: Split
    keys: ImageKeys
    left_out: tuple[Problem, ...]
    warnings: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Hash of the rows."""
        return data_fingerprint([*self.split.training, *self.split.validation], self.keys)


@dataclass(frozen=True)
class Outcome:
    """A finished run."""

    folder: Path
    record: dict[str, Any]
    history: History


def prepare(
    table: PairTable, settings: FinetuneSettings, *, validation: PairTable | None = None, skip_bad: bool = False
) -> Prepared:
    """Check a table, and one of its own for validation, and split it.

    Raises:
        TableInvalid: rows cannot be used, and ``skip_bad`` is off; each is named by its line.
    """
    pairs = list(table.pairs)
    if validation is not None:
        held_out = [replace(pair, split="validation") for pair in validation.pairs]
        pairs = [replace(pair, split="train") for pair in pairs] + held_out
    keys = ImageKeys.of(pairs)
    training = [pair for pair in pairs if pair.split in (None, "train")]
    problems = [*table.problems, *repeated(table.pairs, keys)]
    problems += leaks(training, [pair for pair in pairs if pair.split in ("validation", "test")], keys)
    other = [] if validation is None else [*validation.problems, *repeated(validation.pairs, keys)]
    good = _without(table.pairs, problems, pairs) + (
        [] if validation is None else _without(validation.pairs, other, pairs[len(table.pairs) :])
    )
    named = "" if validation is None else validation.path.name
    problems = sorted(problems, key=lambda one: one.line) + [replace(one, table=named) for one in other]
    if problems and not skip_bad:
        raise TableInvalid(
            f"{table.path}: {len(problems)} of {table.rows} rows cannot be used; mend them, or pass --skip-bad to "
            "leave them out",
            problems,
        )
    split = split_pairs(good, keys, settings.validation_share, settings.seed)
    odd = imbalance(split.training, "training") + imbalance(split.validation, "validation")
    return Prepared(split, keys, tuple(problems), tuple(odd))


def _without(
    read: Sequence[LabelledPair], problems: Sequence[Problem], pairs: Sequence[LabelledPair]
) -> list[LabelledPair]:
    """Those of ``pairs``, as many as ``read``, whose line has no problem."""
    bad = {one.line for one in problems}
    return [pair for pair, _ in zip(pairs, read, strict=False) if pair.line not in bad]


def finetune(
    prepared: Prepared,
    folder: Path,
    *,
    base: str = "bundled",
    settings: FinetuneSettings | None = None,
    device: str | None = None,
    restart: bool = False,
    progress: Progress | None = None,
    notify: Notify | None = None,
) -> Outcome:
    """Train an adapter of ``base`` into ``folder``; a run that was killed there goes on where it was.

    Args:
        prepared: from ``prepare``.
        folder: where the adapter goes; its best state so far is there from the first epoch on.
        base: the model to adapt, as in ``EntailmentReranker.from_pretrained``.
        settings: None takes the defaults.
        device: a torch device; None the GPU where there is one. Under `accelerate launch` each process has its own.
        restart: begin anew even if the folder holds a run.
        progress: called with (optimiser steps done, of how many).
        notify: called with a line for each epoch.

    Raises:
        InputError: something is missing or does not fit; the message says what.
    """
    return _Run(prepared, folder, Base.load(base), settings or FinetuneSettings(), device, restart).run(
        progress or _silent, notify or _silent
    )


def _silent(*told: object) -> None:
    """Nobody listens."""


class _Run:
    def __init__(
        self,
        prepared: Prepared,
        folder: Path,
        base: Base,
        settings: FinetuneSettings,
        device: str | None,
        restart: bool,
    ) -> None:
        self.prepared, self.folder, self.base, self.settings = prepared, folder, base, settings
        self.accelerator = accelerator = _accelerator(base, settings, device)
        self.main = accelerator.is_main_process
        self.name = run_fingerprint(
            base.fingerprint, prepared.fingerprint, replace(settings, checkpoint_minutes=0.0, cache_bytes=0)
        )
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: is a file; name a folder for the adapter")
        if self.main:
            folder.mkdir(parents=True, exist_ok=True)
            if restart:
                clear_run(folder)
        accelerator.wait_for_everyone()
        self.saved = Checkpoint.load(folder, self.name)
        if self.saved is None and not restart and read_record(folder).get("complete"):
            raise InputError(f"{folder}: holds a finished adapter; name another folder, or pass --restart")

    def run(self, progress: Progress, notify: Notify) -> Outcome:
        features = self._features(notify)
        torch.manual_seed(self.settings.seed)  # of the first weights; the loop sees to its own chance
        model = with_lora(self.base, self.settings)
        trainer = Trainer(self.base, model, self.prepared.split, features, self.settings, self.accelerator, self.name)
        if self.saved is not None:
            trainer.restore(self.saved)
            notify(f"resumed after step {self.saved.step}")
        record = describe(self.base, self.prepared.split, self.prepared.keys, self.settings)
        record["parameters"] = {"trained": trained_parameters(model), "effective_batch": trainer.batch}
        if self.main:
            write_rows(self.prepared.split, self.folder)
        started = time.monotonic()
        board = TensorBoardLog(self.folder / LOGS, self.saved.step if self.saved else 0) if self.main else None
        try:
            trainer.train(self._events(trainer, model, record, board, progress, notify))
        finally:
            if board is not None:
                board.close()
        record["seconds"] = round(time.monotonic() - started, 1)
        if self.main:
            self._finish(trainer.history, record)
        self.accelerator.wait_for_everyone()
        return Outcome(self.folder, record, trainer.history)

    def _features(self, notify: Notify) -> ImageFeatures:
        pairs: Sequence[LabelledPair] = [*self.prepared.split.training, *self.prepared.split.validation]
        self.base.model.to(self.accelerator.device)
        features = ImageFeatures(self.base, self.accelerator.device, self.settings.cache_bytes)
        paths = list(dict.fromkeys(pair.image for pair in pairs))
        notify(f"encoding {len(paths)} pictures")
        failed = features.encode_all(paths)
        if failed:
            problems = [Problem(pair.line, str(failed[pair.image])) for pair in pairs if pair.image in failed]
            raise TableInvalid(f"{len(problems)} rows have pictures that cannot be read; mend or remove them", problems)
        return features

    def _events(
        self, trainer: Trainer, model: Any, record: dict[str, Any], board: TensorBoardLog | None,
        progress: Progress, notify: Notify,
    ) -> Events:  # fmt: skip
        def step(one: Step, total: int) -> None:
            if board is not None:
                board.step(one)
            progress(one.step, total)

        def validation(one: Validation, better: bool) -> None:
            if board is not None:
                board.validation(one)
                if better:
                    save_adapter(model, self.folder)
                    write_record(self.folder, {**record, "validation": one.__dict__, "complete": False})
                recent = [each.loss for each in trainer.history.steps[-trainer.steps_per_epoch :]]
                notify(
                    f"epoch {one.epoch + 1:>3}  loss {sum(recent) / len(recent):.3f}  validation loss {one.loss:.3f}"
                    f"  accuracy {one.accuracy:.3f}{'  best' if better else ''}"
                )

        def keep(state: Checkpoint) -> None:
            if self.main:
                state.save(self.folder)
                state.history.write(self.folder)

        return Events(step, validation, keep)

    def _finish(self, history: History, record: dict[str, Any]) -> None:
        best = history.best
        record |= {
            "validation": None if best is None else best.__dict__,
            "steps": len(history.steps),
            "complete": True,
        }
        history.write(self.folder)
        draw_curves(history, self.folder / CURVES_FILE, f"{self.folder.name}: LoRA on {self.base.name}")
        write_record(self.folder, record)
        shutil.rmtree(self.folder / FOLDER, ignore_errors=True)


def _accelerator(base: Base, settings: FinetuneSettings, device: str | None) -> Accelerator:
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise InputError(NO_PEFT.replace("peft", "accelerate")) from error
    chosen = choose_device(device)
    # At small widths casting costs more than bf16 gives: measured on the bundled model, width 256.
    pays = has_fast_bf16(chosen) and base.model.config.d_model >= 512
    bf16 = settings.precision == "bf16" or (settings.precision == "auto" and pays)
    return Accelerator(cpu=chosen.type == "cpu", mixed_precision="bf16" if bf16 else "no")
