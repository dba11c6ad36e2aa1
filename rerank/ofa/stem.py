"""Image stems: OFA's ResNet, or a timm trunk named by the model directory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rerank.errors import ModelInvalid
from rerank.ofa.config import RESNET_BLOCKS, OFAConfig, TimmStemConfig
from rerank.ofa.resnet import ResNetStem


class TimmStem(nn.Module):
    """Feature maps of a timm trunk, brought to one grid by space-to-depth and concatenated.

    Space-to-depth keeps where in a cell a feature lies, which pooling would lose; the averaged pixels
    keep colour, which a classifier's trunk is trained to forget.
    """

    def __init__(self, config: TimmStemConfig) -> None:
        super().__init__()
        import timm

        self.config = config
        try:
            trunk: Any = timm.create_model(config.trunk, pretrained=False, num_classes=0, global_pool="")
            stages = [(int(info["num_chs"]), int(info["reduction"])) for info in trunk.feature_info]
        except (RuntimeError, AttributeError) as error:
            raise ModelInvalid(f"image_stem.trunk = {config.trunk!r} cannot be built by timm: {error}") from error
        self.trunk = trunk
        self.smallest = stages[-1][1] * config.grid
        self._inner = [level for level in config.levels if level >= 0]
        self.channels = 3 * (config.colour_grid // config.grid) ** 2
        for level in self._inner:
            width, reduction = stages[level]
            self.channels += width * (stages[-1][1] // reduction) ** 2
        if -1 in config.levels:
            self.channels += int(trunk.num_features)

    def forward(self, pixels: Tensor) -> Tensor:
        """(batch, 3, height, width) to (batch, channels, grid, grid): colour, inner levels, final map."""
        final, inner = self.trunk.forward_intermediates(pixels, indices=self._inner)
        maps = [F.adaptive_avg_pool2d(pixels, self.config.colour_grid)] if self.config.colour_grid else []
        maps.extend(inner)
        if -1 in self.config.levels:
            maps.append(final)
        return torch.cat([F.pixel_unshuffle(m, m.shape[-1] // self.config.grid) for m in maps], dim=1)


def build_stem(config: OFAConfig) -> ResNetStem | TimmStem:
    """The stem that ``config`` names."""
    if config.image_stem is not None:
        return TimmStem(config.image_stem)
    return ResNetStem(RESNET_BLOCKS[config.resnet_type])
