"""Checkpoints in ModelScope's layout: names, tied weights and what may be missing."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from rerank.errors import ModelInvalid
from rerank.ofa.model import OFAModel

FILES = ("model.safetensors", "pytorch_model.bin")
# Reference name -> ours, applied in order to each key.
RENAMES = (
    (r"^encoder\.embed_tokens\.", "embed_tokens."),
    (r"^encoder\.embed_images\.", "embed_images."),
    (r"^encoder\.pos_([qk])_linear\.", r"encoder.position_bias.\1_linear."),
    (r"^decoder\.(self|cross)_pos_([qk])_linear\.", r"decoder.\1_position_bias.\2_linear."),
    (r"\.(fc1|fc2|ffn_layer_norm)\.", r".ffn.\1."),
)
# The way back, for writing a checkpoint.
RENAMES_BACK = (
    (r"^embed_tokens\.", "encoder.embed_tokens."),
    (r"^embed_images\.", "encoder.embed_images."),
    (r"^encoder\.position_bias\.([qk])_linear\.", r"encoder.pos_\1_linear."),
    (r"^decoder\.(self|cross)_position_bias\.([qk])_linear\.", r"decoder.\1_pos_\2_linear."),
    (r"\.ffn\.", "."),
)
# In real checkpoints, of no use here: copies of the embedding, derived buffers, parts that draw images.
TIED = ("decoder.embed_tokens.weight", "decoder.output_projection.weight")
UNUSED = re.compile(
    r"num_batches_tracked$|rp_bucket$|image_position_idx$"
    r"|^decoder\.(embed_image_positions|image_pos_ln|code_layernorm_embedding|image_rel_pos_table_list)\."
)


def rename(key: str, table: tuple[tuple[str, str], ...] = RENAMES) -> str:
    """Our name of the reference's parameter ``key``; with ``RENAMES_BACK``, the reference's name of ours."""
    for pattern, replacement in table:
        key = re.sub(pattern, replacement, key)
    return key


def reference_weights(model: OFAModel) -> dict[str, Tensor]:
    """The model's weights under the reference's names, as ``load_weights`` reads them."""
    state = {key: value for key, value in model.state_dict().items() if not UNUSED.search(key)}
    return {rename(key, RENAMES_BACK): value.detach().cpu().contiguous() for key, value in state.items()}


def read_weights(directory: Path) -> dict[str, Tensor]:
    """The tensors of a model directory, from safetensors or ``torch.load(weights_only=True)``."""
    path = next((directory / name for name in FILES if (directory / name).is_file()), None)
    if path is None:
        raise ModelInvalid(f"{directory}: holds neither {' nor '.join(FILES)}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, SafetensorError, ValueError) as error:
        raise ModelInvalid(f"{path}: cannot be read as plain weights ({str(error).splitlines()[0]})") from error
    state = state.get("model", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelInvalid(f"{path}: a mapping of names to tensors is expected")
    return state


def load_weights(model: OFAModel, weights: Mapping[str, Tensor], source: str) -> None:
    """Give ``model`` the reference-named ``weights``, in fp32; ModelInvalid names what does not fit.

    The model may be on the meta device. Each tensor is let go once it is converted: a large model is
    then never in memory twice, unless the caller holds on to ``weights``.
    """
    # ModelScope's trainer saves every key behind "model.".
    weights = {key.removeprefix("model."): value for key, value in weights.items()}
    embedding = weights.get("encoder.embed_tokens.weight", weights.get(TIED[0]))
    for key in TIED:
        if key in weights and embedding is not None and not torch.equal(weights[key], embedding):
            raise ModelInvalid(f"{source}: {key} differs from the encoder's embedding; only tied weights are supported")
    own = model.state_dict()
    renamed = {rename(key): value for key, value in weights.items() if key not in TIED and not UNUSED.search(key)}
    if "embed_tokens.weight" not in renamed and embedding is not None:
        renamed["embed_tokens.weight"] = embedding
    unused = {key for key in own if UNUSED.search(key)}
    missing = sorted(own.keys() - renamed.keys() - unused)
    unknown = sorted(renamed.keys() - own.keys())
    wrong = sorted(key for key in own.keys() & renamed.keys() if own[key].shape != renamed[key].shape)
    for fault, keys in (("missing", missing), ("unknown", unknown), ("of another shape", wrong)):
        if keys:
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            raise ModelInvalid(f"{source}: weights {fault}: {', '.join(keys[:3])}{more}")
    del weights, embedding
    state = {key: torch.zeros(own[key].shape, dtype=own[key].dtype) for key in unused - renamed.keys()}
    for key in list(renamed):
        state[key] = renamed.pop(key).to(own[key].dtype)
    model.load_state_dict(state, assign=True)
