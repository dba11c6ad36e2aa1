"""The bundled encoder's open_clip configuration, in one place, and the model it describes.

The 640 values of an embedding are two blocks that share one unit sphere: `CONSE` holds what ImageNet's
classes say in the sentence teacher's space (photos), `LEARNED` what the pictures of `recipes.pictures`
taught (colours, drawings, emoji).
"""

from __future__ import annotations

from typing import Any

import open_clip
import torch

CONSE = slice(0, 256)
LEARNED = slice(256, 640)
EMBED_DIM = 640
IMAGE_SIZE = 224

MODEL_CONFIG: dict[str, Any] = {
    "embed_dim": EMBED_DIM,
    "vision_cfg": {
        "timm_model_name": "tf_efficientnet_lite0",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "mlp",
        "image_size": IMAGE_SIZE,
    },
    "text_cfg": {
        "context_length": 32,
        "vocab_size": 30522,
        "hf_tokenizer_name": "bundled",
        "width": 256,
        "heads": 4,
        "layers": 4,
        "pool_type": "eos",
        "eos_id": 102,
    },
    "custom_text": True,
}
PREPROCESS_CONFIG: dict[str, Any] = {
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "interpolation": "bicubic",
    "resize_mode": "longest",
    "fill_color": 255,
}


def build_model() -> Any:
    """An untrained open_clip CustomTextCLIP of the bundled architecture."""
    towers = {key: value for key, value in MODEL_CONFIG.items() if key != "custom_text"}
    return open_clip.CustomTextCLIP(**towers)


def encode_tokens(tower: Any, tokens: torch.Tensor) -> torch.Tensor:
    """The text tower on tokens padded to their own longest only: same result, half the work.

    The mask is causal and [SEP] is the last real token, so what follows it cannot change it.
    """
    length = tokens.shape[1]
    states = tower.token_embedding(tokens) + tower.positional_embedding[:length]
    states = tower.transformer(states, attn_mask=tower.attn_mask[:length, :length])
    ends = (tokens == tower.eos_id).int().argmax(dim=-1)
    pooled = tower.ln_final(states[torch.arange(len(tokens)), ends])
    out: torch.Tensor = pooled @ tower.text_projection
    return out
