"""A packaged reranker on cached features: the model's own path, less the stem."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from recipes.reranker.architecture import GRID
from recipes.reranker.features import FeatureSet
from recipes.reranker.hypotheses import VERDICTS, Hypothesis
from rerank.ofa.entailment import EntailmentModel

Floats = NDArray[np.float32]


class Judge:
    """Probabilities of cached pictures and hypotheses, in fp32."""

    def __init__(self, directory: Path) -> None:
        self.model = EntailmentModel.from_directory(directory, torch.device("cpu"), torch.float32)
        # Probabilities at temperature 1, whatever the directory says; `tempered` does the rest.
        self.model.task = dataclasses.replace(self.model.task, temperature=1.0)
        size = self.model.task.patch_image_size
        grey = np.zeros((3, size, size), dtype=np.float32)
        self.blank = self.model.image_tokens([grey])[0]

    @torch.inference_mode()
    def image_tokens(self, features: FeatureSet, rows: Sequence[int]) -> torch.Tensor:
        """Image tokens (rows, cells, width)."""
        stacked = torch.from_numpy(np.stack([features.features[row] for row in rows])).float()
        if stacked.shape[1] != GRID * GRID:
            raise ValueError(f"features of {stacked.shape[1]} cells; encode them again")
        tokens: torch.Tensor = self.model.model.encoder.embed_image(stacked)
        return tokens

    def probabilities(self, images: Sequence[torch.Tensor], texts: Sequence[Hypothesis], *, batch: int = 64) -> Floats:
        """(n, 3) for pairs of image tokens (cells, width) and hypotheses."""
        tokens = [self.model.tokens(text.text, text.premise) for text in texts]
        order = sorted(range(len(texts)), key=lambda n: len(tokens[n]))
        out = np.zeros((len(texts), len(VERDICTS)), dtype=np.float32)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            stacked = torch.stack([images[n] for n in chosen])
            out[chosen] = self.model.probabilities(stacked, [tokens[n] for n in chosen])
        return out


def accuracy(probabilities: Floats, labels: NDArray[np.int64]) -> float:
    """Share of rows whose most probable answer is the label."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def calibration_error(probabilities: Floats, labels: NDArray[np.int64], *, bins: int = 15) -> float:
    """Expected calibration error of the most probable answer (Guo et al., 2017), equal-width bins."""
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bin_of = np.minimum((sure * bins).astype(int), bins - 1)
    members = [bin_of == n for n in set(bin_of.tolist())]
    gaps = [abs(right[inside].mean() - sure[inside].mean()) * inside.sum() for inside in members]
    return float(sum(gaps) / len(labels))


def tempered(probabilities: Floats, temperature: float) -> Floats:
    """The probabilities that a softmax at ``temperature`` would give, from those at 1."""
    logits = np.log(np.maximum(probabilities, 1e-12)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def best_temperature(probabilities: Floats, labels: NDArray[np.int64]) -> float:
    """The temperature of least negative log-likelihood."""

    def loss(temperature: float) -> float:
        chosen = tempered(probabilities, temperature)[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(chosen, 1e-12)).mean())

    return min((round(0.5 + 0.05 * step, 2) for step in range(51)), key=loss)
