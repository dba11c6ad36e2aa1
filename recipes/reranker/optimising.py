"""What is trained, how fast, and with which optimiser."""

from __future__ import annotations

import math

import torch
from torch import nn

from rerank.ofa.model import OFAModel

WARM_UP = 50
LAST = 0.02  # of the highest rate, at the end


def learning_rate(highest: float, step: int, share: float) -> float:
    """A short warm-up, then half a cosine down over the share of the training that has passed."""
    return highest * min(1.0, (step + 1) / WARM_UP) * (LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * share)))


def trained_weights(model: OFAModel) -> dict[str, torch.nn.Parameter]:
    """Everything but the stem, which is frozen and plays no part here."""
    return {name: value for name, value in model.named_parameters() if not name.startswith("embed_images.")}


def build_optimiser(model: OFAModel, heads: nn.Module) -> torch.optim.AdamW:
    weights = [*trained_weights(model).values(), *heads.parameters()]
    decayed = [value for value in weights if value.ndim > 1]
    plain = [value for value in weights if value.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), fused=True)
