from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rerank import EntailmentReranker

REFERENCE = Path(__file__).parent.parent / "data" / "ofa-reference"


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    return REFERENCE


@pytest.fixture(scope="session")
def golden() -> list[dict[str, Any]]:
    pairs: list[dict[str, Any]] = json.loads((REFERENCE / "golden.json").read_text())
    return pairs


@pytest.fixture(scope="session")
def reference() -> EntailmentReranker:
    """The small random model whose probabilities the reference implementation has given."""
    return EntailmentReranker.from_pretrained(str(REFERENCE), precision="fp32", batch_size=5)


@pytest.fixture(scope="session")
def bundled() -> EntailmentReranker:
    return EntailmentReranker.from_pretrained("bundled", precision="fp32")
