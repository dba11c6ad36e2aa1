"""What is trained, how fast, and with which optimiser."""

from __future__ import annotations

import math

import torch
from torch import nn

from rerank.ofa.model import OFAModel

WARM_UP = 50
LAST = 0.02  # of the highest rate, at the end
# Position tables are added to attention's logits as they are, where one is little; at the common rate they stay near 0.
TABLES_PACE = 20.0


def learning_rate(highest: float, step: int, share: float) -> float:
    """A short warm-up, then half a cosine down over the share of the training that has passed."""
    return highest * min(1.0, (step + 1) / WARM_UP) * (LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * share)))


def trained_weights(model: OFAModel) -> dict[str, torch.nn.Parameter]:
    """Everything but the stem, which is frozen and plays no part here."""
    return {name: value for name, value in model.named_parameters() if not name.startswith("embed_images.")}


def build_optimiser(model: OFAModel, heads: nn.Module) -> torch.optim.AdamW:
    """AdamW; each group's ``pace`` multiplies the learning rate."""
    weights = trained_weights(model)
    tables = [value for name, value in weights.items() if "rel_pos_table" in name]
    others = [value for name, value in weights.items() if "rel_pos_table" not in name] + list(heads.parameters())
    groups = [
        {"params": [value for value in others if value.ndim > 1], "weight_decay": 0.02, "pace": 1.0},
        {"params": [value for value in others if value.ndim <= 1], "weight_decay": 0.0, "pace": 1.0},
        {"params": tables, "weight_decay": 0.0, "pace": TABLES_PACE},
    ]
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), fused=True)
