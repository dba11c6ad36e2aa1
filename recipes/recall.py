"""Text-to-image recall: is a picture that a caption names among the k nearest?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CUTS = (1, 5, 10)


def recall_at(
    image_embeddings: np.ndarray, text_embeddings: np.ndarray, image_keys: Sequence[str], text_keys: Sequence[str]
) -> dict[str, float]:
    """Share of texts with a picture of the same key in the first 1, 5, 10; embeddings are unit-norm."""
    similarity = text_embeddings @ image_embeddings.T
    order = np.argsort(-similarity, axis=1)[:, : max(CUTS)]
    keys = np.array(image_keys)
    fits = keys[order] == np.array(text_keys)[:, None]
    return {f"R@{cut}": float(fits[:, :cut].any(1).mean()) for cut in CUTS}


def unit(rows: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled
