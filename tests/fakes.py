"""Stand-ins for slow things: models that see only colours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from rerank.errors import ImageError
from rerank.images import load_image
from rerank.types import ImageSource, ImageTokens
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
        self.similarity_scale = 10.0
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


class ColourTokens:
    """A reranker's image side: tokens are the colours of an image's 2 × 2 quarters, 0..1.

    ``fail`` looks at each image before it is encoded, and may raise.
    """

    def __init__(
        self, *, fingerprint: str = "colour-tokens-1", fail: Callable[[Image.Image], None] | None = None
    ) -> None:
        self.image_fingerprint = fingerprint
        self.batch_size = 1
        self.token_shape = (4, 3)
        self.encoded = 0
        self._fail = fail
        self._lock = threading.Lock()

    def encode_images(self, images: Sequence[ImageSource]) -> list[ImageTokens | ImageError]:
        return [self._encode(image) for image in images]

    def _encode(self, source: ImageSource) -> ImageTokens | ImageError:
        try:
            image = load_image(source)
        except ImageError as error:
            return error
        if self._fail is not None:
            self._fail(image)
        with self._lock:
            self.encoded += 1
        return ImageTokens(quarters(image), self.image_fingerprint)


def quarters(image: Image.Image) -> np.ndarray:
    """The colours of an image's quarters, float16 (4, 3)."""
    small = image.convert("RGB").resize((2, 2), Image.Resampling.BOX)
    return (np.asarray(small, dtype=np.float32).reshape(4, 3) / 255.0).astype(np.float16)
