"""Random OFA models in ModelScope's layout, the same on every machine; numpy and Pillow only.

The reference implementation and ours are each given the directory that ``write_model`` makes, so that a
golden file need hold probabilities alone. Weights come from PCG64's raw bits, which numpy keeps stable.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from tests.rerank.ofa_shapes import shapes

Tensors = dict[str, NDArray[Any]]
TOKENIZER = Path(__file__).parent.parent / "data" / "ofa-reference"
CONFIG: dict[str, Any] = {
    "architectures": ["OFAModel"],
    "model_type": "ofa",
    "vocab_size": 10392,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "resnet_type": "resnet18",
    "max_position_embeddings": 1024,
    "token_bucket_size": 256,
    "image_bucket_size": 42,
    "attn_scale_factor": 2.0,
    "share_attn_bias": False,
    "scale_embedding": False,
}
TASK: dict[str, Any] = {
    "type": "ofa",
    "language": "en",
    # The reference gives probabilities in this mode alone.
    "gen_type": "traverse",
    "prompt_type": "prev_output",
    "patch_image_size": 96,
    "answer2label": "answer2label.json",
    "valid_batch_size": 20,
    # Of no use to the task, but the reference refuses a beam wider than there are answers.
    "beam_search": {"beam_size": 3, "max_len_b": 16, "min_len": 1, "no_repeat_ngram_size": 3},
}


@dataclass(frozen=True)
class Spec:
    """A random model: what differs from ``CONFIG`` and ``TASK``, the order of its answers, its seed."""

    name: str
    seed: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)
    task: Mapping[str, Any] = field(default_factory=dict)
    answers: tuple[str, ...] = ("no", "yes", "maybe")

    @property
    def shape(self) -> dict[str, Any]:
        """The whole of ``config.json``."""
        width = {**CONFIG, **self.config}["d_model"]
        return {"encoder_ffn_dim": 4 * width, "decoder_ffn_dim": 4 * width, **CONFIG, **self.config}


def write_model(directory: Path, spec: Spec, *, published: bool = False, prefix: str = "") -> Path:
    """Write the model that ``spec`` describes; returns ``directory``.

    Args:
        directory: made where it is missing.
        spec: what to write.
        published: as ModelScope's checkpoints are: ``pytorch_model.bin`` with buffers and the parts that only
            draw images. Otherwise safetensors without them.
        prefix: put before each name; what ModelScope's trainer saves has ``model.``.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("vocab.json", "merges.txt"):
        shutil.copyfile(TOKENIZER / name, directory / name)
    task = {"framework": "pytorch", "task": "visual-entailment", "model": {**TASK, **spec.task}}
    _write_json(directory / "configuration.json", task)
    _write_json(directory / "config.json", spec.shape)
    _write_json(directory / "answer2label.json", {answer: index for index, answer in enumerate(spec.answers)})
    tensors = weights(spec)
    embedding = tensors["encoder.embed_tokens.weight"]
    # The reference would fill the copies with noise if they were left out.
    tensors |= {"decoder.embed_tokens.weight": embedding, "decoder.output_projection.weight": embedding}
    if published:
        import torch

        tensors |= extras(spec)
        state = {prefix + name: torch.from_numpy(value) for name, value in tensors.items()}
        torch.save(state, directory / "pytorch_model.bin")
    else:
        # "format" is what transformers asks of a safetensors file before it reads it.
        named = {prefix + name: value for name, value in tensors.items()}
        save_file(named, directory / "model.safetensors", {"format": "pt"})
    return directory


def weights(spec: Spec) -> Tensors:
    """Every weight that decides an answer, float16, under the reference's names."""
    return {name: draw(name, shape, spec.seed) for name, shape in shapes(spec.shape)}


def extras(spec: Spec) -> Tensors:
    """What else checkpoints hold: derived int64 buffers (zeros here), weights of the decoder's image positions."""
    config = spec.shape
    width, heads, buckets = config["d_model"], config["decoder_attention_heads"], config["image_bucket_size"]
    found: Tensors = {
        name.replace("running_var", "num_batches_tracked"): np.array(1000)
        for name, _ in shapes(config)
        if name.endswith("running_var")
    }
    for part in ("encoder", "decoder"):
        found[f"{part}.token_rp_bucket"] = np.zeros((1024, 1024), dtype=np.int64)
        found[f"{part}.image_rp_bucket"] = np.zeros((buckets**2 + 1,) * 2, dtype=np.int64)
    found["decoder.image_position_idx"] = np.zeros(1025, dtype=np.int64)
    named: list[tuple[str, tuple[int, ...]]] = [("decoder.embed_image_positions.weight", (buckets**2 + 1, width))]
    named += [
        (f"decoder.{norm}.{part}", (width,))
        for norm in ("image_pos_ln", "code_layernorm_embedding")
        for part in ("weight", "bias")
    ]
    tables = 1 if config["share_attn_bias"] else config["decoder_layers"]
    named += [
        (f"decoder.image_rel_pos_table_list.{n}.weight", ((2 * buckets - 1) ** 2 + 3, heads)) for n in range(tables)
    ]
    return found | {name: draw(name, shape, spec.seed) for name, shape in named}


def draw(name: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float16]:
    """The tensor ``name`` of the model with ``seed``: uniform, at a scale that keeps activations of order one."""
    size = int(np.prod(shape))
    raw = np.random.PCG64(seed * 2**32 + crc32(name.encode())).random_raw(-(-size // 4)).astype("<u8")
    # Mean 0, variance 1.
    unit = ((raw.view("<u2")[:size].astype(np.float32) + 0.5) / 32768 - 1) * np.float32(3**0.5)
    mean, deviation = scale(name, shape)
    return (mean + np.float32(deviation) * unit).astype(np.float16).reshape(shape)


def scale(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """Mean and standard deviation of a tensor."""
    if name.endswith("running_var"):
        return 1.0, 0.25
    if name.endswith("c_attn"):
        return 1.0, 0.2
    if len(shape) == 1:
        # Branches of a ResNet are added up: the last gain of each is small, or they would grow with depth.
        gain = 0.3 if name.endswith("bn3.weight") else 1.0
        return (gain if _is_norm(name) else 0.0), 0.1
    if "rel_pos_table" in name:
        return 0.0, 1.0
    if "embed_tokens" in name:
        # So that the logits of the answers differ by about one.
        return 0.0, 1.2 * shape[1] ** -0.5
    # Attention that picks, as trained attention does: averaging over all cells would hide a wrong bias.
    sharp = any(part in name for part in ("q_proj", "k_proj", "_q_linear", "_k_linear"))
    # A ReLU halves the power, which convolutions (four dimensions) make up for.
    gain = 2.0 if sharp else 2.0**0.5 if len(shape) == 4 else 1.0
    return 0.0, gain * float(np.prod(shape[1:])) ** -0.5


def _is_norm(name: str) -> bool:
    return name.endswith(".weight") and any(part in name for part in ("norm", "_ln.", "bn", "downsample.1"))


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")
