"""Batches of images through the encoder, so that an image it cannot take costs only itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from retrieval.errors import CollectionError
from retrieval.types import Encoder, Vectors


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
