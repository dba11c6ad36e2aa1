"""The upper, trained part of the trunk as a few matrix products: the last two stages and the head convolution.

Same function as timm's modules, arranged for training on a CPU. Pictures are (channels, n, cells), so pointwise
convolutions are matrix products; batch norms are folded into them; and a depthwise convolution on 7 x 7 cells is,
for each channel, a product with a (cells, cells) matrix whose entries are the kernel's. In bfloat16 with AMX that
is several times faster than convolutions are, forwards and backwards, and nothing has to be copied in between.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recipes.maps import STAGES

EPS = 1e-3


def folded(weight: Tensor, norm: Any) -> tuple[Tensor, Tensor]:
    """A convolution's weight and bias with the batch norm behind it in them."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return weight * scale.view(-1, *[1] * (weight.dim() - 1)), norm.bias - norm.running_mean * scale


def put_back(convolution: Any, norm: Any, weight: Tensor, bias: Tensor) -> None:
    """Write a folded convolution into timm's pair of modules: the norm does nothing but add the bias."""
    convolution.weight.copy_(weight.view_as(convolution.weight))
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
    norm.weight.fill_(1)
    norm.bias.copy_(bias)


class Pointwise(nn.Module):
    """A 1 x 1 convolution with its norm: (in, n, cells) to (out, n, cells)."""

    def __init__(self, convolution: Any, norm: Any) -> None:
        super().__init__()
        weight, bias = folded(convolution.weight.detach().flatten(1), norm)
        self.weight, self.bias = nn.Parameter(weight.clone()), nn.Parameter(bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        out = torch.addmm(self.bias.to(x.dtype)[:, None], self.weight.to(x.dtype), x.flatten(1))
        return out.unflatten(1, x.shape[1:])


def kernel_places(side: int, kernel: int, stride: int) -> Tensor:
    """(kernel², side², out²): 1 where a value of the kernel joins an input cell to an output cell."""
    out = -(-side // stride)
    padding = kernel // 2 if stride == 1 else max((out - 1) * stride + kernel - side, 0) // 2
    places = np.zeros((kernel * kernel, side, side, out, out), np.float32)
    for row in range(out):
        for column in range(out):
            for down in range(kernel):
                for right in range(kernel):
                    y, x = row * stride + down - padding, column * stride + right - padding
                    if 0 <= y < side and 0 <= x < side:
                        places[down * kernel + right, y, x, row, column] = 1
    return torch.from_numpy(places.reshape(kernel * kernel, side * side, out * out))


class Depthwise(nn.Module):
    """A depthwise convolution with its norm: (channels, n, cells) to (channels, n, fewer cells)."""

    places: Tensor

    def __init__(self, convolution: Any, norm: Any, side: int) -> None:
        super().__init__()
        weight, bias = folded(convolution.weight.detach().flatten(1), norm)
        self.weight, self.bias = nn.Parameter(weight.clone()), nn.Parameter(bias.detach().clone())
        self.register_buffer("places", kernel_places(side, convolution.kernel_size[0], convolution.stride[0]))

    def forward(self, x: Tensor) -> Tensor:
        matrices = (self.weight.to(x.dtype) @ self.places.to(x.dtype).flatten(1)).unflatten(1, self.places.shape[1:])
        return torch.baddbmm(self.bias.to(x.dtype)[:, None, None], x, matrices)


class Block(nn.Module):
    """Inverted residual: widen, look around, narrow."""

    def __init__(self, block: Any, side: int) -> None:
        super().__init__()
        self.widen = Pointwise(block.conv_pw, block.bn1)
        self.around = Depthwise(block.conv_dw, block.bn2, side)
        self.narrow = Pointwise(block.conv_pwl, block.bn3)
        self.residual = bool(block.has_skip)

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu6(self.widen(x))
        out = self.narrow(functional.relu6(self.around(out)))
        return x + out if self.residual else out


class Top(nn.Module):
    """Maps (n, 196, 112) to pooled features (n, 1280)."""

    def __init__(self, trunk: Any) -> None:
        super().__init__()
        blocks, side = [], 14
        for block in (block for stage in trunk.blocks[STAGES:] for block in stage):
            blocks.append(Block(block, side))
            side = -(-side // block.conv_dw.stride[0])
        self.blocks = nn.Sequential(*blocks)
        self.head = Pointwise(trunk.conv_head, trunk.bn2)

    def forward(self, maps: Tensor) -> Tensor:
        cells = self.blocks(maps.permute(2, 0, 1).contiguous())
        return functional.relu6(self.head(cells)).float().mean(2).T

    @torch.no_grad()
    def write_into(self, trunk: Any) -> None:
        """Put the trained weights into timm's trunk."""
        theirs = [block for stage in trunk.blocks[STAGES:] for block in stage]
        for ours, block in zip(self.blocks, theirs, strict=True):
            put_back(block.conv_pw, block.bn1, ours.widen.weight, ours.widen.bias)
            put_back(block.conv_dw, block.bn2, ours.around.weight, ours.around.bias)
            put_back(block.conv_pwl, block.bn3, ours.narrow.weight, ours.narrow.bias)
        put_back(trunk.conv_head, trunk.bn2, self.head.weight, self.head.bias)
