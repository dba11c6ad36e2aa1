"""An adapter and its base as one plain model directory in ModelScope's layout."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from rerank.adapters import Adapter, apply_adapter, read_adapter, read_record
from rerank.errors import InputError
from rerank.ofa.checkpoint import FILES, TIED, UNUSED, read_weights, reference_weights, rename
from rerank.ofa.entailment import EntailmentModel, read_model
from rerank.weights import resolve

Precision = Literal["keep", "fp32", "fp16"]
# Not copied from the base: weights, what is said of them, what a repository keeps for itself.
LEFT = (*FILES, "README.md", ".gitattributes")
CHECKS = ("a red circle", "two dogs on the grass", "a thing", "a photo that was taken yesterday")


@dataclass(frozen=True)
class Merged:
    """A merged model: where it is, how large, and how far its probabilities are from the adapter's."""

    directory: Path
    base: str
    bytes: int
    difference: float


def merge(adapter: str | Path, directory: Path, *, base: str | None = None, precision: Precision = "keep") -> Merged:
    """Write ``adapter`` and its base as a plain model directory.

    Args:
        adapter: an adapter's folder.
        directory: where the model goes; must not exist yet, or be empty.
        base: the base model, if it is no longer where the adapter says.
        precision: "keep" leaves tensors that the adapter does not touch as the base stores them and writes the
            others in fp32, which loses nothing; "fp32" and "fp16" write all in one type.

    Raises:
        InputError, ModelError: the adapter, its base or the directory will not do.
    """
    chosen = read_adapter(adapter)
    name = base or chosen.base
    if not name:
        raise InputError(f"adapter {chosen.directory}: does not say which model it adapts; name it with --base")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(f"{directory}: is there already; name a new folder")
    source = resolve(name)
    unfinished = directory.with_name(directory.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        for path in sorted(source.iterdir()):
            if path.is_file() and path.name not in LEFT:
                shutil.copyfile(path, unfinished / path.name)
        _write_weights(source, chosen, unfinished, precision)
        _write_card(unfinished, name, chosen)
        difference = _difference(source, chosen, unfinished)
        if directory.exists():
            directory.rmdir()
        unfinished.rename(directory)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    size = sum(path.stat().st_size for path in directory.iterdir())
    return Merged(directory, name, size, difference)


def _write_weights(source: Path, adapter: Adapter, target: Path, precision: Precision) -> None:
    stored = read_weights(source)
    prefix = "model." if all(key.startswith("model.") for key in stored) else ""
    model, _, _ = read_model(source)
    apply_adapter(model, adapter)
    touched = {f"{name}.weight" for name in adapter.factors} | adapter.replaced.keys()
    weights: dict[str, Tensor] = {}
    for key, value in reference_weights(model).items():
        before = stored.get(prefix + key)
        kept = before is not None and rename(key) not in touched
        dtype = before.dtype if kept and before is not None and precision == "keep" else value.dtype
        if precision in ("fp32", "fp16") and value.is_floating_point():
            dtype = torch.float16 if precision == "fp16" else torch.float32
        weights[key] = value.to(dtype)
    if model.config.image_stem is None:
        # A model that the reference can load: it fills tied copies that are not there with noise.
        weights |= {name: weights["encoder.embed_tokens.weight"].clone() for name in TIED}
    for key, value in stored.items():
        plain = key.removeprefix(prefix)
        if UNUSED.search(plain) and plain not in weights:
            weights[plain] = value
    binary = (source / FILES[1]).is_file() and not (source / FILES[0]).is_file()
    if binary:
        torch.save(weights, target / FILES[1])
    else:
        save_file({key: value.contiguous() for key, value in weights.items()}, target / FILES[0], {"format": "pt"})


def _difference(source: Path, adapter: Adapter, merged: Path) -> float:
    """The largest difference of a probability between the merged model and the base with its adapter, on noise."""
    cpu = torch.device("cpu")
    models = [
        EntailmentModel.from_directory(source, cpu, torch.float32, adapter=adapter.directory),
        EntailmentModel.from_directory(merged, cpu, torch.float32),
    ]
    size = models[0].task.patch_image_size
    noise = np.random.default_rng(0).uniform(-1, 1, (len(CHECKS), 3, size, size)).astype(np.float32)
    found = [one.probabilities(one.image_tokens(list(noise)), [one.tokens(text) for text in CHECKS]) for one in models]
    return float(np.abs(found[0] - found[1]).max())


def _write_card(target: Path, base: str, adapter: Adapter) -> None:
    data = read_record(adapter.directory).get("data", {})
    training = data.get("training", {})
    text = (
        f"---\nbase_model: {base}\ntask: visual-entailment\n---\n# {base}, fine-tuned\n\n"
        f"`{base}` merged with the adapter `{adapter.directory.name}` by `veralens merge`.\n\n"
        f"Trained on {training.get('rows', 'unknown')} pairs; data fingerprint `{data.get('fingerprint', 'unknown')}`; "
        f"base fingerprint `{adapter.base_fingerprint or 'unknown'}`.\n"
    )
    (target / "README.md").write_text(text, encoding="utf-8", errors="surrogateescape")
