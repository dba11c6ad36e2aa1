"""OFA's attention and feed-forward blocks (NormFormer: head scaling, layer norm inside the FFN)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Multi-head attention with an additive bias and a learned factor per head (``c_attn``)."""

    def __init__(self, width: int, heads: int, scale_factor: float) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width // heads * scale_factor) ** -0.5
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)
        self.c_attn = nn.Parameter(torch.ones(heads))

    def forward(self, x: Tensor, bias: Tensor, source: Tensor | None = None) -> Tensor:
        """Attend from ``x`` (batch, target, width) to ``source`` (default ``x``).

        ``bias`` is added to the attention logits; it broadcasts to (batch, heads, target, source).
        """
        batch, target, width = x.shape
        source = x if source is None else source
        q = self._split(self.q_proj(x))
        k = self._split(self.k_proj(source))
        v = self._split(self.v_proj(source))
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=self.scale)
        out = out * self.c_attn[:, None, None]
        projected: Tensor = self.out_proj(out.transpose(1, 2).reshape(batch, target, width))
        return projected

    def _split(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        return x.view(batch, length, self.heads, width // self.heads).transpose(1, 2)


class FeedForward(nn.Module):
    """Linear, GELU, layer norm, linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.ffn_layer_norm = nn.LayerNorm(hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(self.ffn_layer_norm(F.gelu(self.fc1(x))))
        return out


class PositionBias(nn.Module):
    """Absolute position bias between two sequences: pos_q · pos_k per head, scaled."""

    def __init__(self, width: int, heads: int, scale_factor: float) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width / heads * scale_factor) ** -0.5
        self.q_linear = nn.Linear(width, width)
        self.k_linear = nn.Linear(width, width)

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """From position embeddings (target, width) and (source, width) to (heads, target, source)."""
        q = self.q_linear(target).unflatten(-1, (self.heads, -1)).transpose(0, 1) * self.scale
        k = self.k_linear(source).unflatten(-1, (self.heads, -1)).transpose(0, 1)
        bias: Tensor = q @ k.transpose(1, 2)
        return bias
