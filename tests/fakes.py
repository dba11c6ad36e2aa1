"""Stand-ins for slow things: an encoder that sees only colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from retrieval.types import Vectors

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "magenta": (255, 0, 255),
    "cyan": (0, 255, 255),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
}


class ColourEncoder:
    """An image is the mean colour of its 2 × 2 quarters; a text the colours that it names. Deterministic."""

    def __init__(self, *, fingerprint: str = "colours-1", name: str = "colours") -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.dimension = 12
        self.image_size = 32
        self.embedded = 0

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        self.embedded += len(images)
        quarters = [np.asarray(image.resize((2, 2), Image.Resampling.BOX), dtype=np.float32) for image in images]
        return _unit([quarter.reshape(-1) for quarter in quarters])

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        named = [[COLOURS[word] for word in text.lower().split() if word in COLOURS] for text in texts]
        return _unit([np.tile(np.mean(colours or [(1.0, 1.0, 1.0)], axis=0), 4) for colours in named])


def _unit(rows: Sequence[np.ndarray]) -> Vectors:
    # Centred, so that black and white, red and cyan point away from each other.
    vectors = (np.asarray(rows, dtype=np.float32).reshape(len(rows), 12) - 96.0) / 255.0
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
