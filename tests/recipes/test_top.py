"""The trained top computes what timm's modules compute, and its weights go back into them."""

from __future__ import annotations

from typing import Any

import timm
import torch

from recipes.maps import lower_part
from recipes.top import Top


def trunk() -> Any:
    """An EfficientNet-Lite0 whose batch norms are not the identity."""
    torch.manual_seed(0)
    made = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
                module.weight.uniform_(0.8, 1.2)
                module.bias.normal_(0, 0.1)
    return made


def pooled(model: Any, images: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = model.global_pool(model.forward_features(images))
    return out


@torch.no_grad()
def test_the_top_on_the_lower_part_is_the_whole_trunk() -> None:
    model, images = trunk(), torch.rand(3, 3, 224, 224) * 2 - 1
    maps = lower_part(model)(images).flatten(2).transpose(1, 2)
    assert maps.shape == (3, 196, 112)
    torch.testing.assert_close(Top(model)(maps), pooled(model, images), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_trained_weights_go_back_into_the_trunk() -> None:
    model, images = trunk(), torch.rand(2, 3, 224, 224) * 2 - 1
    maps = lower_part(model)(images).flatten(2).transpose(1, 2)
    top = Top(model)
    for parameter in top.parameters():
        parameter.add_(0.05 * parameter.std() * torch.randn_like(parameter))
    before = pooled(model, images)
    top.write_into(model)
    after = pooled(model, images)
    assert (after - before).abs().max() > 1e-3
    torch.testing.assert_close(after, top(maps), atol=1e-4, rtol=1e-4)
