"""OFA's decoder, run once over the prompt: the answer is read at its last position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rerank.ofa.attention import Attention, FeedForward, PositionBias
from rerank.ofa.config import OFAConfig
from rerank.ofa.encoder import mask_keys
from rerank.ofa.positions import token_buckets


class DecoderBiases(NamedTuple):
    """Causal self-attention bias of each layer (heads, length, length); one cross-attention bias for all."""

    own: Sequence[Tensor]
    cross: Tensor


class DecoderLayer(nn.Module):
    """Pre-norm self-attention, cross-attention and FFN, with a norm after each attention."""

    def __init__(self, config: OFAConfig) -> None:
        super().__init__()
        width, heads = config.d_model, config.decoder_attention_heads
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.self_attn = Attention(width, heads, config.attn_scale_factor)
        self.self_attn_mid_layer_norm = nn.LayerNorm(width)
        self.cross_attn_layer_norm = nn.LayerNorm(width)
        self.cross_attn = Attention(width, heads, config.attn_scale_factor)
        self.cross_attn_mid_layer_norm = nn.LayerNorm(width)
        self.final_layer_norm = nn.LayerNorm(width)
        self.ffn = FeedForward(width, config.decoder_ffn_dim)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, encoded: Tensor, own_bias: Tensor, cross_bias: Tensor) -> Tensor:
        """(batch, length, width) to the same, attending to ``encoded`` (batch, sequence, width)."""
        attended = self.self_attn(self.self_attn_layer_norm(x), own_bias)
        x = x + self.dropout(self.self_attn_mid_layer_norm(attended))
        attended = self.cross_attn(self.cross_attn_layer_norm(x), cross_bias, encoded)
        x = x + self.dropout(self.cross_attn_mid_layer_norm(attended))
        out: Tensor = x + self.dropout(self.ffn(self.final_layer_norm(x)))
        return out


class Decoder(nn.Module):
    """Reads the prompt against the encoded image and text."""

    def __init__(self, config: OFAConfig) -> None:
        super().__init__()
        width, heads = config.d_model, config.decoder_attention_heads
        tables = 1 if config.share_attn_bias else config.decoder_layers
        self.config = config
        self.embed_scale = width**0.5 if config.scale_embedding else 1.0
        self.layernorm_embedding = nn.LayerNorm(width)
        self.embed_positions = nn.Embedding(config.max_position_embeddings + 2, width)
        self.pos_ln = nn.LayerNorm(width)
        self.self_position_bias = PositionBias(width, heads, config.attn_scale_factor)
        self.cross_position_bias = PositionBias(width, heads, config.attn_scale_factor)
        self.token_rel_pos_table_list = nn.ModuleList(
            nn.Embedding(2 * config.token_bucket_size - 1, heads) for _ in range(tables)
        )
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.layer_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)

    def biases(self, length: int, source_positions: Tensor, dtype: torch.dtype = torch.float32) -> DecoderBiases:
        """Biases for a prompt of ``length`` tokens and the encoder's position embeddings (sequence, width)."""
        device = source_positions.device
        positions = self.pos_ln(self.embed_positions(torch.arange(length, device=device)))
        future = torch.ones(length, length, dtype=torch.bool, device=device).triu(1)
        absolute = self.self_position_bias(positions, positions).masked_fill(future, float("-inf"))
        buckets = token_buckets(length, self.config.token_bucket_size).to(device)
        own = [(absolute + table(buckets).permute(2, 0, 1)).to(dtype) for table in self.token_rel_pos_table_list]
        own = own * (self.config.decoder_layers if self.config.share_attn_bias else 1)
        return DecoderBiases(own, self.cross_position_bias(positions, source_positions).to(dtype))

    def forward(self, embedded: Tensor, encoded: Tensor, biases: DecoderBiases, padding: Tensor | None) -> Tensor:
        """Word embeddings of the prompt (batch, length, width) to hidden states of the same shape.

        ``padding`` marks padded positions of ``encoded``. Padding at the end of the prompt needs no
        mask: no earlier position looks at it.
        """
        x = self.dropout(self.layernorm_embedding(embedded * self.embed_scale))
        cross = mask_keys(biases.cross, padding)
        for layer, own in zip(self.layers, biases.own, strict=True):
            x = layer(x, encoded, own[None], cross)
        out: Tensor = self.layer_norm(x)
        return out
