"""LoRA adapters in peft's format: read, held against their base model, and merged into it when it is loaded.

Inference rewrites a model (norms folded, projections joined), so an adapter is added to the plain weights before
that: exact, of no cost to a verdict, and peft is not needed to run one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from rerank.errors import InputError, ModelInvalid
from rerank.ofa.checkpoint import UNUSED
from rerank.ofa.config import read_json
from rerank.ofa.model import OFAModel
from rerank.weights import ADAPTER_CONFIG

CONFIG_FILE = ADAPTER_CONFIG
WEIGHTS_FILE = "adapter_model.safetensors"
# What peft's format has no place for: fingerprints, figures, settings.
RECORD_FILE = "veralens.json"
PREFIX = "base_model.model."
# Variants of LoRA whose weights mean something else; none of ours has them.
UNSUPPORTED = ("use_dora", "fan_in_fan_out", "use_qalora", "alora_invocation_tokens")


@dataclass(frozen=True)
class Adapter:
    """An adapter's files, read: which base it is for, low-rank factors and replaced parameters."""

    directory: Path
    base: str
    base_fingerprint: str | None
    factors: dict[str, tuple[Tensor, Tensor, float]]
    replaced: dict[str, Tensor]


def is_adapter(directory: str | Path) -> bool:
    """Whether there is an adapter in ``directory``, and not a model."""
    return (Path(directory).expanduser() / CONFIG_FILE).is_file()


def read_adapter(directory: str | Path) -> Adapter:
    """The adapter in ``directory``.

    Raises:
        InputError: there is none.
        ModelInvalid: its files are damaged, or of a kind of adapter that is not supported.
    """
    folder = Path(directory).expanduser()
    if not folder.is_dir():
        raise InputError(f"adapter {folder}: no such folder")
    if not is_adapter(folder):
        raise InputError(f"adapter {folder}: there is no {CONFIG_FILE} in it; name what `veralens finetune -o` made")
    config = _read_config(folder)
    path = folder / WEIGHTS_FILE
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelInvalid(f"{path}: cannot be read as safetensors ({str(error).splitlines()[0]})") from error
    factors, replaced = _sorted_out(weights, config, path)
    record = read_record(folder)
    base = str(record.get("base", {}).get("name") or config.get("base_model_name_or_path") or "")
    return Adapter(folder, base, record.get("base", {}).get("fingerprint"), factors, replaced)


def read_record(directory: Path) -> dict[str, Any]:
    """What fine-tuning wrote beside peft's files; empty for adapters of other makers."""
    path = directory / RECORD_FILE
    return read_json(path) if path.is_file() else {}


def apply_adapter(model: OFAModel, adapter: Adapter) -> None:
    """Add ``adapter`` to the plain fp32 ``model``, in place.

    Raises:
        InputError: it was made for another base.
        ModelInvalid: it changes weights that the model lacks, or of another shape.
    """
    if adapter.base_fingerprint is not None and adapter.base_fingerprint != model_fingerprint(model):
        raise InputError(
            f"adapter {adapter.directory}: it was made for another base model ({adapter.base}), "
            "or for another version of it; name that one as the reranker"
        )
    own = dict(model.named_parameters())
    with torch.no_grad():
        for name, (down, up, scale) in adapter.factors.items():
            weight = _parameter(own, f"{name}.weight", (up.shape[0], down.shape[1]), adapter)
            weight += scale * (up.float() @ down.float())
        for name, value in adapter.replaced.items():
            _parameter(own, name, tuple(value.shape), adapter).copy_(value)


def model_fingerprint(model: OFAModel) -> str:
    """Hash of a plain model's shape and of every weight that decides an answer, however its file stores them."""
    digest = hashlib.blake2b(repr(model.config).encode(), digest_size=16)
    for name, value in sorted(model.state_dict().items()):
        if not UNUSED.search(name):
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG_FILE
    config = read_json(path)
    if config.get("peft_type") != "LORA":
        raise ModelInvalid(f"{path}: peft_type = {json.dumps(config.get('peft_type'))}; only LORA is supported")
    for key in UNSUPPORTED:
        if config.get(key):
            raise ModelInvalid(f"{path}: {key} is not supported")
    if config.get("bias", "none") != "none":
        raise ModelInvalid(f"{path}: bias = {config['bias']!r} is not supported, only 'none'")
    return config


def _sorted_out(
    weights: dict[str, Tensor], config: dict[str, Any], path: Path
) -> tuple[dict[str, tuple[Tensor, Tensor, float]], dict[str, Tensor]]:
    downs, ups, replaced = {}, {}, {}
    for key, value in weights.items():
        name = key.removeprefix(PREFIX)
        if name.endswith(".lora_A.weight"):
            downs[name.removesuffix(".lora_A.weight")] = value
        elif name.endswith(".lora_B.weight"):
            ups[name.removesuffix(".lora_B.weight")] = value
        elif "lora_" in name:
            raise ModelInvalid(f"{path}: {key} is of a kind of adapter that is not supported")
        else:
            replaced[name] = value.float()
    if downs.keys() != ups.keys():
        raise ModelInvalid(f"{path}: {sorted(downs.keys() ^ ups.keys())[0]} has one of its two factors only")
    factors = {name: (down, ups[name], _scale(config, name, down.shape[0])) for name, down in downs.items()}
    return factors, replaced


def _scale(config: dict[str, Any], name: str, rank: int) -> float:
    alpha = float(config.get("lora_alpha", rank))
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        if name == pattern or name.endswith("." + pattern):
            alpha = float(value)
    # Kalajdzievski, 2023: rank-stabilised LoRA divides by the root.
    return alpha / (rank**0.5 if config.get("use_rslora") else rank)


def _parameter(own: dict[str, torch.nn.Parameter], name: str, shape: tuple[int, ...], adapter: Adapter) -> Tensor:
    if name not in own:
        raise ModelInvalid(f"adapter {adapter.directory}: changes {name}, which this model does not have")
    if tuple(own[name].shape) != shape:
        raise ModelInvalid(
            f"adapter {adapter.directory}: {name} has shape {tuple(own[name].shape)} here, not {shape}; "
            "it was made for another base model"
        )
    return own[name].data
