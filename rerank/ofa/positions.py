"""Position ids and relative-position buckets (OFA's modeling_ofa.py, make_*_bucket_position)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def token_buckets(length: int, bucket_size: int, max_position: int = 1024) -> Tensor:
    """Bucket of the distance between each two of ``length`` tokens: int64 (length, length), 0..2·bucket_size-2.

    Distances below half the bucket size have a bucket each; larger ones share buckets that widen
    logarithmically up to ``max_position``.
    """
    position = torch.arange(length)
    relative = position[:, None] - position[None, :]
    middle = bucket_size // 2
    distance = torch.where(relative.abs() < middle, middle - 1, relative.abs())
    scale = math.log((max_position - 1) / middle)
    log_distance = torch.ceil(torch.log(distance / middle) / scale * (middle - 1)) + middle
    far = log_distance.to(torch.int32) * torch.sign(relative)
    return torch.where(distance <= middle, relative, far.long()) + bucket_size - 1


def image_positions(height: int, width: int, bucket_size: int) -> Tensor:
    """Position ids of a ``height`` × ``width`` grid of image tokens, row-major: int64 (height · width,)."""
    rows, columns = torch.arange(height), torch.arange(width)
    return (rows[:, None] * bucket_size + columns[None, :] + 1).flatten()


def image_buckets(height: int, width: int, bucket_size: int) -> Tensor:
    """Bucket of the offset between each two cells of a grid: int64 (height · width, height · width)."""
    row = torch.arange(height).repeat_interleave(width)
    column = torch.arange(width).repeat(height)
    rows = row[:, None] - row[None, :] + bucket_size - 1
    columns = column[:, None] - column[None, :] + bucket_size - 1
    return rows * (2 * bucket_size - 1) + columns
