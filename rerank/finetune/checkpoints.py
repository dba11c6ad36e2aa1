"""A run's state on disk, from which the same run goes on after a kill as if nothing had happened."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rerank.errors import InputError
from rerank.finetune.history import History

FOLDER = "checkpoint"
STATE_FILE = "state.pt"


@dataclass
class Checkpoint:
    """What a run needs to go on: everything else, chance included, follows from the number of the step."""

    run: str
    step: int
    finished: bool
    history: History
    trained: dict[str, Tensor]
    optimiser: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write it whole or not at all."""
        directory = folder / FOLDER
        directory.mkdir(parents=True, exist_ok=True)
        temporary = directory / (STATE_FILE + ".tmp")
        with temporary.open("wb") as file:
            torch.save({**self.__dict__, "history": self.history.to_dict()}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(directory / STATE_FILE)

    @classmethod
    def load(cls, folder: Path, run: str) -> Checkpoint | None:
        """The checkpoint in an adapter's folder; None without one.

        Raises:
            InputError: it is of another run: other data, other settings or another base.
        """
        path = folder / FOLDER / STATE_FILE
        if not path.is_file():
            return None
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            found = cls(**{**state, "history": History.from_dict(state["history"])})
        except Exception as error:  # torch.load raises many kinds
            raise InputError(f"{path}: the checkpoint cannot be read; pass --restart to begin anew") from error
        if found.run != run:
            raise InputError(
                f"{folder}: holds a run with other data, settings or base model; name another folder, or pass "
                "--restart to begin anew"
            )
        return found


def clear_run(folder: Path) -> None:
    """Remove what a run has left in its folder, so that another can begin."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    shutil.rmtree(folder / "logs", ignore_errors=True)


def run_fingerprint(*parts: object) -> str:
    """What makes two runs the same run."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
