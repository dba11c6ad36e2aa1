"""Made-up embeddings that lie as a CLIP model's do: images in clusters, texts apart from them.

Half of an image's squared length is a part that all images share, half of a text's one that all texts share, at
right angles: the modality gap. What is left is meaning, in 128 of 512 dimensions with falling weight, the same
for images and texts, and noise of its own for each. Unrelated images have a cosine of about .45, a text and a
fitting image .3, a text and any image .05, as with ViT-B-32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
DIMENSION, MEANING = 512, 128
# How far images and texts stray from the centre of their cluster: chosen so that inverted lists miss as many of a
# text's nearest as they do with a real model's embeddings of photos.
IMAGE_SPREAD, TEXT_SPREAD = 0.85, 0.9


class World:
    """Images and texts about the same things; ``images`` is how many there will be."""

    def __init__(self, images: int, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        basis, _ = np.linalg.qr(self._random.normal(size=(DIMENSION, MEANING + 2)))
        self._meaning = basis[:, :MEANING].T.astype(np.float32)
        self._of_images = basis[:, MEANING].astype(np.float32)
        self._of_texts = unit(0.1 * self._of_images + basis[:, MEANING + 1]).astype(np.float32)
        self._weights = (1.0 / np.sqrt(1.0 + np.arange(MEANING) / 16)).astype(np.float32)
        topics, clusters = max(10, int(np.sqrt(images) / 5)), max(100, images // 50)
        broad = self._point(topics)[self._random.integers(topics, size=clusters)]
        self._centres = unit(0.6 * broad + 0.8 * self._point(clusters))
        often = 1.0 / np.sqrt(np.arange(1, clusters + 1))
        self._chances = np.cumsum(often / often.sum())

    def drawn_again(self, seed: int) -> World:
        """The same world, of which other images and texts are made from now on."""
        self._random = np.random.default_rng(seed)
        return self

    def images(self, count: int) -> Vectors:
        """Embeddings of images, (count, 512)."""
        return self._made(count, self._of_images, (0.45, 0.40, 0.15), IMAGE_SPREAD)

    def texts(self, count: int) -> Vectors:
        """Embeddings of texts, (count, 512)."""
        return self._made(count, self._of_texts, (0.5, 0.3, 0.2), TEXT_SPREAD)

    def _made(self, count: int, shared: Vectors, shares: tuple[float, float, float], spread: float) -> Vectors:
        places = np.minimum(np.searchsorted(self._chances, self._random.random(count)), len(self._centres) - 1)
        meaning = unit(self._centres[places] + np.float32(spread) * self._point(count)) @ self._meaning
        noise = unit(self._random.standard_normal((count, DIMENSION), dtype=np.float32))
        parts = zip(shares, (shared, meaning, noise), strict=True)
        return unit(sum(np.float32(np.sqrt(share)) * part for share, part in parts)).astype(np.float32)

    def _point(self, count: int) -> Vectors:
        found: Vectors = unit(self._random.standard_normal((count, MEANING), dtype=np.float32) * self._weights)
        return found


def unit(vectors: Any) -> Any:
    """Rows scaled to length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
