"""The frozen stem that reads pictures: the recipes' EfficientNet-Lite0 without its classifier."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from recipes.reranker.architecture import STEM
from recipes.sources import unpacked
from recipes.trunk import load_trunk
from rerank.ofa.stem import TimmStem


def classifier_and_trunk(cache: Path) -> tuple[Tensor, dict[str, Tensor]]:
    """The ImageNet classifier's weight (1000, 1280), and every other tensor under timm's name."""
    state: dict[str, Tensor] = load_trunk(unpacked(cache, "efficientnet_lite0")).state_dict()
    trunk = {key: value for key, value in state.items() if not key.startswith("classifier.")}
    return state["classifier.weight"], trunk


def build_frozen_stem(cache: Path) -> TimmStem:
    """The bundled model's stem, with the published weights rounded to fp16 as they are shipped."""
    stem = TimmStem(STEM)
    _, weights = classifier_and_trunk(cache)
    rounded = {key: value.half().float() if value.is_floating_point() else value for key, value in weights.items()}
    stem.trunk.load_state_dict(rounded)
    return stem.eval().requires_grad_(False)
