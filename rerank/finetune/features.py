"""Pictures as image tokens, encoded once before training: nothing that is trained changes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rerank.errors import ImageError
from rerank.finetune.network import Base
from rerank.images import load_image
from rerank.ofa.preprocess import image_to_pixels

BATCH = 8


class ImageFeatures:
    """Image tokens by path, kept within ``budget`` bytes; the others are encoded each time they are asked for."""

    def __init__(self, base: Base, device: torch.device, budget: int) -> None:
        self._base = base
        self._device = device
        self._left = budget
        self._kept: dict[Path, Tensor] = {}
        self._stem = base.model

    def encode_all(
        self, paths: Sequence[Path], progress: Callable[[int, int], None] | None = None
    ) -> dict[Path, ImageError]:
        """Open every picture, keep what fits, and say which cannot be read."""
        failed: dict[Path, ImageError] = {}
        for start in range(0, len(paths), BATCH):
            part = paths[start : start + BATCH]
            pixels = {}
            for path in part:
                try:
                    pixels[path] = image_to_pixels(load_image(path), self._base.task)
                except ImageError as error:
                    failed[path] = error
            if pixels and self._left > 0:
                for path, row in zip(pixels, self._encode(list(pixels.values())), strict=True):
                    self._keep(path, row)
            if progress is not None:
                progress(min(start + BATCH, len(paths)), len(paths))
        return failed

    def rows(self, paths: Sequence[Path]) -> Tensor:
        """Tokens (batch, cells, d_model) of pictures that can be read."""
        missing = [path for path in dict.fromkeys(paths) if path not in self._kept]
        found: dict[Path, Tensor] = {}
        if missing:
            pixels = [image_to_pixels(load_image(path), self._base.task) for path in missing]
            found = dict(zip(missing, self._encode(pixels), strict=True))
        return torch.stack([self._kept[path] if path in self._kept else found[path] for path in paths]).float()

    @torch.no_grad()
    def _encode(self, pixels: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]) -> Tensor:
        batch = torch.from_numpy(np.stack(pixels)).to(self._device)
        training = self._stem.training
        self._stem.eval()
        tokens: Tensor = self._stem.image_tokens(batch).cpu()
        self._stem.train(training)
        return tokens

    def _keep(self, path: Path, tokens: Tensor) -> None:
        if tokens.nbytes <= self._left:
            self._kept[path] = tokens.clone()
            self._left -= tokens.nbytes
        else:
            self._left = 0
