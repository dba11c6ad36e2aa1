"""Features as photos would give them, without photos: from what the trunk's own parameters say of ImageNet.

No photo may be trained on, and a head trained on drawings alone answers photos with confident nonsense. But
the last batch norm holds the mean and spread of every channel over ImageNet, which gives the mean pooled
feature, and the classifier holds what sets a class apart. A class's imagined photo is the Gaussian conditional
mean given a high logit, f + S w (z - w f) / (w S w), from a start f that has a drawing's variation about
ImageNet's mean; w is the class's weights, S the features' covariance.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from recipes.captions import Caption
from recipes.conse import ConseHead, class_names, class_texts
from recipes.pictures import Picture, concept_of
from recipes.sources import unpacked
from recipes.trunk import load_trunk

PER_CLASS = 6
LOGITS = (6.0, 11.0)
VARIATION = 0.7


def imagenet_mean(cache: Path) -> np.ndarray:
    """The mean over ImageNet of the pooled feature, E[min(max(N(beta, gamma), 0), 6)] by its closed form."""
    norm = load_trunk(unpacked(cache, "efficientnet_lite0")).bn2
    mean, spread = norm.bias.detach().double(), norm.weight.detach().double().abs()

    def above(limit: float) -> torch.Tensor:  # E[max(x - limit, 0)]
        z = (mean - limit) / spread
        density = torch.exp(-0.5 * z.square()) / math.sqrt(2 * math.pi)
        expected: torch.Tensor = (mean - limit) * torch.special.ndtr(z) + spread * density
        return expected

    clipped: np.ndarray = (above(0.0) - above(6.0)).float().numpy()
    return clipped


def imagine(cache: Path, conse: ConseHead, drawn: np.ndarray, seed: int) -> np.ndarray:
    """(1000 * PER_CLASS, 1280) features, class by class; `drawn` are some features of drawings."""
    rng = np.random.default_rng(seed)
    centred = drawn - drawn.mean(0)
    covariance = centred.T @ centred / len(centred)
    classes = np.repeat(np.arange(1000), PER_CLASS)
    start = imagenet_mean(cache) + VARIATION * centred[rng.integers(len(centred), size=len(classes))]
    weights, bias = conse.weight.numpy()[classes], conse.bias.numpy()[classes]
    moved = weights @ covariance
    missing = rng.uniform(*LOGITS, size=len(classes)) - ((weights * start).sum(1) + bias)
    shifted = start + moved * (missing / (weights * moved).sum(1))[:, None]
    clipped: np.ndarray = np.clip(shifted, 0, 6).astype(np.float32)
    return clipped


def pictures_and_captions(cache: Path) -> list[tuple[Picture, list[Caption]]]:
    """One entry for each row of `imagine`: the class as a picture, and its names as captions."""
    made: list[tuple[Picture, list[Caption]]] = []
    for (synset, names), texts in zip(class_names(), class_texts(cache), strict=True):
        concept = concept_of(names[0])
        for number in range(PER_CLASS):
            path = f"imagined/{synset}-{number}"
            picture = Picture(path, (concept,), concept, "imagenet classes", "imagined", "train", "train")
            made.append((picture, [Caption(text, f"|{concept}") for text in texts]))
    return made
