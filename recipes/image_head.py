"""The image head: a ConSE block that is computed, and a learned block trained beside it.

Hidden units 0..999 of the head are ImageNet's classes and stay as they are, so what the trunk knows of
photos is kept; the others, the learned rows of the second layer, and the text projection's learned columns
are trained by contrast on the whole embedding, so that they add what ConSE lacks: colours, drawings, emoji.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from recipes.architecture import CONSE, EMBED_DIM, LEARNED
from recipes.conse import ConseHead
from recipes.training_set import TrainingSet

CLASSES = 1000
WIDTH = 1280
HIDDEN = 2 * EMBED_DIM


class ImageHead(nn.Module):
    """What open_clip's `mlp` projection computes, split into its frozen and its trained parts."""

    class_weight: torch.Tensor
    class_bias: torch.Tensor
    class_texts: torch.Tensor

    def __init__(self, conse: ConseHead, *, scale: float, threshold: float) -> None:
        super().__init__()
        self.register_buffer("class_weight", conse.weight * scale)
        self.register_buffer("class_bias", (conse.bias - threshold) * scale)
        self.register_buffer("class_texts", conse.classes.clone())
        self.free = nn.Linear(WIDTH, HIDDEN - CLASSES)
        self.learned = nn.Linear(HIDDEN, LEARNED.stop - LEARNED.start, bias=False)
        nn.init.normal_(self.learned.weight, std=0.03)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (n, 1280) to the ConSE block (n, 256) and the learned block."""
        classes = functional.gelu(features @ self.class_weight.T + self.class_bias)
        hidden = torch.cat([classes, functional.gelu(self.free(features))], dim=1)
        return classes @ self.class_texts, self.learned(hidden)

    def fc1(self) -> tuple[torch.Tensor, torch.Tensor]:
        weight = torch.cat([self.class_weight, self.free.weight])
        return weight.detach(), torch.cat([self.class_bias, self.free.bias]).detach()

    def fc2(self, conse_weight: float) -> torch.Tensor:
        """(EMBED_DIM, HIDDEN): the ConSE rows, weighted, over the learned rows."""
        rows = torch.zeros(EMBED_DIM, HIDDEN)
        rows[CONSE, :CLASSES] = self.class_texts.T * conse_weight
        rows[LEARNED] = self.learned.weight.detach()
        return rows


def conflicts(data: TrainingSet, rows: torch.Tensor, caption_keys: torch.Tensor) -> torch.Tensor:
    """(n, n): whether caption j fits picture i although it is another picture's."""
    fits = caption_keys[None] == data.exact_keys[rows][:, None]
    fits |= caption_keys[None] == data.loose_keys[rows][:, None]
    fits.fill_diagonal_(False)
    return fits


def contrast(images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor, masked: torch.Tensor) -> torch.Tensor:
    """Symmetric InfoNCE in which captions that fit other pictures as well are no negatives of them."""
    similarity = functional.normalize(images, dim=-1) @ functional.normalize(texts, dim=-1).T
    logits = (scale * similarity).masked_fill(masked, float("-inf"))
    labels = torch.arange(len(images))
    return 0.5 * (functional.cross_entropy(logits, labels) + functional.cross_entropy(logits.T, labels))


def pick_captions(data: TrainingSet, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """One caption at random for each picture: its row among the texts and its key."""
    counts = (data.caption_rows[rows] >= 0).sum(1)
    column = (torch.rand(len(rows)) * counts).long()
    return data.caption_rows[rows, column], data.caption_keys[rows, column]


def off_sphere(rows: torch.Tensor) -> torch.Tensor:
    """How far lengths are from 1: the blocks' shares of the shipped embedding are their lengths."""
    distance: torch.Tensor = torch.linalg.vector_norm(rows, dim=1) - 1
    return distance.square().mean()


def loss_of(
    head: ImageHead,
    data: TrainingSet,
    rows: torch.Tensor,
    features: torch.Tensor,
    texts: torch.Tensor,
    keys: torch.Tensor,
    state: Any,
) -> torch.Tensor:
    """Contrast on the whole embedding, and at half weight on the learned block alone.

    `features` (n, 1280) are those of the pictures in `rows`; `texts` is the tower's output (n, EMBED_DIM): ConSE
    columns as distilled, learned columns as trained.
    """
    conse, learned = head(functional.dropout(features, state.dropout))
    spoken = texts[:, LEARNED]
    masked = conflicts(data, rows, keys)
    scale = state.log_scale.exp().clamp(max=100)
    whole = torch.cat([conse * state.conse_weight, functional.normalize(learned, dim=1)], dim=1)
    whole_texts = torch.cat([functional.normalize(texts[:, CONSE], dim=1), functional.normalize(spoken, dim=1)], dim=1)
    loss = contrast(whole, whole_texts, scale, masked) + 0.5 * contrast(learned, spoken, scale, masked)
    return loss + 0.2 * (off_sphere(learned) + off_sphere(spoken))
