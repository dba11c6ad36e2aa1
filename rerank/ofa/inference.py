"""A loaded model rewritten for inference: the same function, in fewer and larger steps.

Everything here is exact up to rounding and undoes nothing: a prepared model cannot be trained or saved.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from rerank.ofa.attention import Attention
from rerank.ofa.model import OFAModel
from rerank.ofa.resnet import ResNetStem
from rerank.ofa.stem import TimmStem

# Positions are turned into biases once and kept: they stay in fp32, so that only the sum is rounded.
POSITIONS = re.compile(r"embed_(image_)?positions|pos_ln|position_bias|rel_pos_table")
# Narrow depthwise networks lose too much: the bundled trunk in bf16 moved probabilities by up to .10, in fp32 with
# all else in bf16 by .005. ResNets bear it.
SMALL_STEM = re.compile(r"^embed_images\.|^encoder\.(image_proj|patch_layernorm_embedding)\.")
FOLDING_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Steps:
    """What is done to a model for speed; each can be left out, to see what it gains (``benchmarks/steps.py``)."""

    fold_norms: bool = True
    join_projections: bool = True
    absorb_cross: bool = True
    channels_last: bool = True
    # SDPA on the CPU takes its fast path only where the sequence is a multiple of this.
    sequence_multiple: int = 32
    compiled: bool = False


ALL = Steps()


class JoinedAttention(nn.Module):
    """Self-attention with one projection for query, key and value; ``c_attn`` lies in the output's weights."""

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        parts = (attention.q_proj, attention.k_proj, attention.v_proj)
        self.heads = attention.heads
        self.scale = attention.scale
        self.weight = nn.Parameter(torch.cat([part.weight for part in parts]), requires_grad=False)
        self.bias = nn.Parameter(torch.cat([part.bias for part in parts]), requires_grad=False)
        self.out_proj = _scaled_output(attention)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """As ``Attention.forward`` without ``source``."""
        batch, length, width = x.shape
        joined = F.linear(x, self.weight, self.bias).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = joined.permute(2, 0, 3, 1, 4)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=self.scale)
        projected: Tensor = self.out_proj(out.transpose(1, 2).reshape(batch, length, width))
        return projected


class AbsorbedAttention(nn.Module):
    """Cross-attention of a few targets to a long source, which it does not project.

    q·(K s) = (Kᵀ q)·s: the projections of key and value act on the targets' side, which is exact; a
    key's bias adds the same to every logit of a row and so drops out of the softmax. Cheaper while there
    are fewer targets than a head is wide: prompts are about 13 tokens.
    """

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        width = attention.q_proj.in_features
        self.heads = attention.heads
        self.head_width = width // attention.heads
        self.q_proj = copy.deepcopy(attention.q_proj)
        self.q_proj.weight.data.mul_(attention.scale)
        self.q_proj.bias.data.mul_(attention.scale)
        self.key = nn.Parameter(attention.k_proj.weight.view(self.heads, self.head_width, width), requires_grad=False)
        self.value = nn.Parameter(
            attention.v_proj.weight.view(self.heads, self.head_width, width).transpose(1, 2).contiguous(),
            requires_grad=False,
        )
        self.value_bias = nn.Parameter(attention.v_proj.bias.clone(), requires_grad=False)
        self.out_proj = _scaled_output(attention)

    def forward(self, x: Tensor, bias: Tensor, source: Tensor) -> Tensor:
        """As ``Attention.forward``."""
        batch, target, width = x.shape
        q = self.q_proj(x).view(batch, target, self.heads, self.head_width).transpose(1, 2)
        absorbed = (q @ self.key).reshape(batch, self.heads * target, width)
        logits = (absorbed @ source.transpose(1, 2)).view(batch, self.heads, target, -1) + bias
        weights = torch.softmax(logits, dim=-1).view(batch, self.heads * target, -1)
        context = (weights @ source).view(batch, self.heads, target, width)
        out = (context @ self.value).transpose(1, 2).reshape(batch, target, width) + self.value_bias
        projected: Tensor = self.out_proj(out)
        return projected


@torch.no_grad()
def prepare(model: OFAModel, steps: Steps, dtype: torch.dtype) -> None:
    """Rewrite ``model`` in place for inference in ``dtype``."""
    if steps.fold_norms:
        model.embed_images = fold_norms(model.embed_images)
    for layer in [*model.encoder.layers, *model.decoder.layers] if steps.join_projections else []:
        layer.self_attn = JoinedAttention(cast(Attention, layer.self_attn))
    for layer in model.decoder.layers if steps.absorb_cross else []:
        layer.cross_attn = AbsorbedAttention(cast(Attention, layer.cross_attn))
    kept = (POSITIONS, SMALL_STEM) if isinstance(model.embed_images, TimmStem) else (POSITIONS,)
    for name, parameter in [*model.named_parameters(), *model.named_buffers()]:
        if parameter.is_floating_point() and not any(pattern.search(name) for pattern in kept):
            parameter.data = parameter.data.to(dtype)
    if steps.channels_last:
        model.embed_images.to(memory_format=torch.channels_last)
    if steps.compiled:
        for layer in model.encoder.layers:
            layer.compile(dynamic=False)


def fold_norms(stem: ResNetStem | TimmStem) -> ResNetStem | TimmStem:
    """``stem`` with each batch norm folded into the convolution before it.

    Which convolution that is is read from the order of construction; a stem that is built in another
    order than it runs is found out by comparing the two on noise, and kept as it is.
    """
    folded = copy.deepcopy(stem).eval()
    for parent in list(folded.modules()):
        children = list(parent.named_children())
        for (conv_name, conv), (norm_name, norm) in pairwise(children):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, conv_name, fuse_conv_bn_eval(conv, norm))
                # timm's norms carry their activation.
                setattr(parent, norm_name, getattr(norm, "act", nn.Identity()))
    noise = torch.rand(1, 3, stem.smallest, stem.smallest, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expected = stem.eval()(noise)
    error = (folded(noise) - expected).abs().max() / expected.abs().max().clamp_min(1e-12)
    return folded if bool(error <= FOLDING_TOLERANCE) else stem


def _scaled_output(attention: Attention) -> nn.Linear:
    output = copy.deepcopy(attention.out_proj)
    factors = attention.c_attn.repeat_interleave(output.in_features // attention.heads)
    output.weight.data.mul_(factors)
    return output
