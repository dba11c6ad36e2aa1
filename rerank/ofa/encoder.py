"""OFA's encoder: image tokens and text tokens in one sequence, positions as attention bias only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rerank.ofa.attention import Attention, FeedForward, PositionBias
from rerank.ofa.config import OFAConfig
from rerank.ofa.positions import image_buckets, image_positions, token_buckets


class EncoderLayer(nn.Module):
    """Pre-norm self-attention and FFN, with a norm after the attention (NormFormer)."""

    def __init__(self, config: OFAConfig) -> None:
        super().__init__()
        width = config.d_model
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.self_attn = Attention(width, config.encoder_attention_heads, config.attn_scale_factor)
        self.self_attn_mid_layer_norm = nn.LayerNorm(width)
        self.final_layer_norm = nn.LayerNorm(width)
        self.ffn = FeedForward(width, config.encoder_ffn_dim)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """(batch, length, width) to the same; ``bias`` broadcasts to (batch, heads, length, length)."""
        attended = self.self_attn(self.self_attn_layer_norm(x), bias)
        x = x + self.dropout(self.self_attn_mid_layer_norm(attended))
        out: Tensor = x + self.dropout(self.ffn(self.final_layer_norm(x)))
        return out


class Encoder(nn.Module):
    """Embeds, biases and encodes [image tokens, text tokens]."""

    def __init__(self, config: OFAConfig, stem_channels: int) -> None:
        super().__init__()
        width, heads = config.d_model, config.encoder_attention_heads
        tables = 1 if config.share_attn_bias else config.encoder_layers
        self.config = config
        self.embed_scale = width**0.5 if config.scale_embedding else 1.0
        self.image_proj = nn.Linear(stem_channels, width)
        self.type_embedding = nn.Embedding(2, width)
        self.layernorm_embedding = nn.LayerNorm(width)
        self.patch_layernorm_embedding = nn.LayerNorm(width)
        self.embed_positions = nn.Embedding(config.max_position_embeddings + 2, width)
        self.embed_image_positions = nn.Embedding(config.image_bucket_size**2 + 1, width)
        self.pos_ln = nn.LayerNorm(width)
        self.image_pos_ln = nn.LayerNorm(width)
        self.position_bias = PositionBias(width, heads, config.attn_scale_factor)
        self.token_rel_pos_table_list = nn.ModuleList(
            nn.Embedding(2 * config.token_bucket_size - 1, heads) for _ in range(tables)
        )
        self.image_rel_pos_table_list = nn.ModuleList(
            nn.Embedding((2 * config.image_bucket_size - 1) ** 2 + 3, heads) for _ in range(tables)
        )
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))
        self.layer_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)

    def embed_image(self, features: Tensor) -> Tensor:
        """Stem features (batch, cells, channels) to image tokens (batch, cells, width); text plays no part."""
        projected = self.image_proj(features) * self.embed_scale + self.type_embedding.weight[1]
        out: Tensor = self.patch_layernorm_embedding(projected)
        return out

    def embed_text(self, embedded: Tensor) -> Tensor:
        """Word embeddings (batch, length, width) to text tokens of the same shape."""
        out: Tensor = self.layernorm_embedding(embedded * self.embed_scale + self.type_embedding.weight[0])
        return out

    def positions(self, grid: tuple[int, int], length: int) -> Tensor:
        """Normed position embeddings of the whole sequence: (cells + length, width)."""
        device = self.embed_positions.weight.device
        image = image_positions(*grid, self.config.image_bucket_size).to(device)
        text = torch.arange(length, device=device)
        return torch.cat(
            [
                self.image_pos_ln(self.embed_image_positions(image)),
                self.pos_ln(self.embed_positions(text)),
            ]
        )

    def biases(
        self, positions: Tensor, grid: tuple[int, int], length: int, dtype: torch.dtype = torch.float32
    ) -> list[Tensor]:
        """Attention bias of each layer, the same for every row of a batch: (heads, sequence, sequence)."""
        device = positions.device
        cells = grid[0] * grid[1]
        absolute = self.position_bias(positions, positions)
        image = image_buckets(*grid, self.config.image_bucket_size).to(device)
        text = token_buckets(length, self.config.token_bucket_size).to(device)
        biases = []
        for image_table, token_table in zip(self.image_rel_pos_table_list, self.token_rel_pos_table_list, strict=True):
            bias = absolute.clone()
            bias[:, :cells, :cells] += by_head(image_table, image)
            bias[:, cells:, cells:] += by_head(token_table, text)
            biases.append(bias.to(dtype))
        return biases * (self.config.encoder_layers if self.config.share_attn_bias else 1)

    def forward(self, image: Tensor, text: Tensor, biases: Sequence[Tensor], padding: Tensor | None) -> Tensor:
        """Image tokens (batch, cells, width), text tokens (batch, length, width) to (batch, cells + length, width).

        Biases of a longer sequence must be shut to what is beyond this one.
        ``padding`` is boolean (batch, cells + length), true at padded positions, or None when there are none.
        """
        x = self.dropout(torch.cat([image, text], dim=1))
        length = x.shape[1]
        extra = biases[0].shape[-1] - length
        if padding is not None:
            x = x * ~padding[:, :, None]
            padding = F.pad(padding, (0, extra))
        if extra:
            x = F.pad(x, (0, 0, 0, extra))
        for layer, bias in zip(self.layers, biases, strict=True):
            x = layer(x, mask_keys(bias, padding))
        out: Tensor = self.layer_norm(x[:, :length])
        return out


def by_head(table: nn.Module, buckets: Tensor) -> Tensor:
    """A relative table's entries for ``buckets`` (n, n) as (heads, n, n), gathered along memory."""
    weight = cast(Tensor, table.weight)
    return weight.t().contiguous().index_select(1, buckets.flatten()).view(-1, *buckets.shape)


def mask_keys(bias: Tensor, padding: Tensor | None) -> Tensor:
    """``bias`` (heads, target, source) with padded source positions shut: (batch or 1, heads, target, source)."""
    if padding is None:
        return bias[None]
    return bias[None].masked_fill(padding[:, None, None, :], torch.finfo(bias.dtype).min)
