"""Recall counts a query as answered when any picture of its name is near enough."""

from __future__ import annotations

import numpy as np

from recipes.recall import recall_at, unit


def test_recall_counts_first_and_later_ranks() -> None:
    images = unit(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]))
    texts = unit(np.array([[1.0, 0.0], [1.0, 0.02]]))
    found = recall_at(images, texts, ["hat", "scarf", "shoe"], ["hat", "shoe"])
    assert found["R@1"] == 0.5
    assert found["R@5"] == 1.0
