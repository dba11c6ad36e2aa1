"""Embeddings on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import CollectionDamaged
from retrieval.segments import Row, Segments


def unit(count: int, dimension: int = 16) -> np.ndarray:
    vectors = np.random.default_rng(0).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_rows_come_back_in_the_order_asked_for(tmp_path: Path) -> None:
    vectors = unit(5000)
    segments = Segments(tmp_path, 16)
    checksums = segments.append(1, 0, vectors)
    rows = [Row(number, 1, number, checksums[number]) for number in range(5000)]
    np.testing.assert_allclose(segments.read(rows), vectors, atol=1e-3)
    mixed = [rows[number] for number in (4999, 3, 4, 5, 0, 0, 17)]
    np.testing.assert_allclose(segments.read(mixed), vectors[[4999, 3, 4, 5, 0, 0, 17]], atol=1e-3)
    assert segments.read([]).shape == (0, 16)
    segments.close()


def test_a_torn_tail_is_overwritten(tmp_path: Path) -> None:
    vectors = unit(4)
    segments = Segments(tmp_path, 16)
    segments.append(1, 0, vectors[:2])
    segments.append(1, 2, unit(1) * 0.5)
    with segments.path(1).open("ab") as file:
        file.write(b"torn")
    checksums = segments.append(1, 2, vectors[2:])
    rows = [Row(number, 1, 2 + number, checksums[number]) for number in range(2)]
    np.testing.assert_allclose(segments.read(rows), vectors[2:], atol=1e-3)
    segments.close()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    segments = Segments(tmp_path, 16)
    checksums = segments.append(1, 0, unit(3))
    rows = [Row(number, 1, number, checksums[number]) for number in range(3)]
    with segments.path(1).open("r+b") as file:
        file.truncate(2 * 32 + 5)
    assert segments.damaged(rows) == [rows[2]]
    with pytest.raises(CollectionDamaged, match="row 2"):
        segments.read(rows)
    assert segments.damaged([Row(9, 2, 0, 0)]) == [Row(9, 2, 0, 0)]
    segments.close()
