"""The encoder that ships: its size, that stock open_clip loads it without a network, and that it sees colours."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from indexer.samples.scenes import draw
from indexer.samples.types import Item, Scene

BUNDLED = Path(__file__).parents[2] / "retrieval" / "bundled"


def test_bundle_is_at_most_40_mb() -> None:
    assert sum(file.stat().st_size for file in BUNDLED.iterdir() if file.is_file()) <= 40e6


def test_stock_open_clip_loads_it_offline_and_tells_colour_and_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import open_clip

    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{BUNDLED}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{BUNDLED}")
    items = [Item("jeans", "blue", "denim"), Item("jeans", "red", "denim"), Item("hat", "blue", "plain")]
    seed = random.Random(0).getrandbits(31)
    pictures = [draw(Scene((item,), "single", "front", "white", seed), size=224) for item in items]
    with torch.inference_mode():
        images = model.eval().encode_image(torch.stack([preprocess(p) for p in pictures]), normalize=True)
        texts = model.encode_text(tokenizer(["blue denim jeans", "red jeans", "a blue hat"]), normalize=True)
    assert (texts @ images.T).argmax(1).tolist() == [0, 1, 2]
