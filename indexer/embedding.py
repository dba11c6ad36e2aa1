"""Batches of images through the encoder, so that an image it cannot take costs only itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from retrieval.errors import CollectionError
from retrieval.types import Encoder, Vectors

# Pictures are decoded at no less than so many times the encoder's side, which then shrinks them by bicubic averaging.
# Photographs decoded at a fraction of their size differ with 1.5 by 0.9 of 255 levels from those decoded in full (with
# 2 by 0.7, with 1 by 1.6), their embeddings about as much as by rounding to bf16. 12 megapixels cost 20 CPU-ms less.
MARGIN = 1.5


def decoded_side(encoder: Encoder) -> int:
    """Pixels to which the shorter side of a picture may be shrunk in decoding it for ``encoder``."""
    return int(encoder.image_size * MARGIN)


def embed(encoder: Encoder, images: Sequence[Image.Image]) -> list[Vectors | str]:
    """An embedding for each image, or why there is none. A batch that fails is halved, down to one image.

    Raises:
        RuntimeError, MemoryError: the encoder fails on every image.
        CollectionError: it gives other vectors than it says.
    """
    if not images:
        return []
    try:
        vectors = encoder.encode_images(images)
    except (RuntimeError, MemoryError) as error:
        if len(images) == 1:
            return [f"cannot be embedded ({error})"]
        half = len(images) // 2
        found = embed(encoder, images[:half]) + embed(encoder, images[half:])
        if all(isinstance(one, str) for one in found):
            raise  # then it is the encoder, not an image
        return found
    if vectors.shape != (len(images), encoder.dimension):
        raise CollectionError(f"encoder {encoder.name!r} gave {vectors.shape} for {len(images)} images")
    usable = np.isfinite(vectors).all(axis=1) & (np.linalg.norm(vectors, axis=1) > 0)
    return [vectors[row] if usable[row] else "its embedding is not finite" for row in range(len(images))]
