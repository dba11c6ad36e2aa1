"""Leaving out what no text's end can see changes no embedding; towers that look everywhere are computed whole."""

from __future__ import annotations

from typing import Any

import open_clip
import pytest
import torch
from open_clip.model import CLIP, CustomTextCLIP
from torch import Tensor, nn

from retrieval.encoder import ClipEncoder
from retrieval.text_tower import TextTower

VISION = {"layers": 1, "width": 32, "head_width": 16, "patch_size": 16, "image_size": 32}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
KINDS: list[dict[str, object]] = [
    {},
    {"pool_type": "eos", "eos_id": 49407},
    {"proj_type": "none"},
    {"proj_bias": True},
]
TEXTS = ["", "a", "blue denim jeans", "red " * 100]


class Counted(nn.Module):
    """A transformer that notes how many positions it is given."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.lengths: list[int] = []

    def get_cast_dtype(self) -> torch.dtype:
        kind: torch.dtype = self.inner.get_cast_dtype()
        return kind

    def forward(self, rows: Tensor, **others: Any) -> Tensor:
        self.lengths.append(rows.shape[1])
        answer: Tensor = self.inner(rows, **others)
        return answer


def model(custom: bool, **text: object) -> nn.Module:
    torch.manual_seed(3)
    return (CustomTextCLIP if custom else CLIP)(16, VISION, TEXT | text).eval()


def tokens(texts: list[str]) -> Tensor:
    return open_clip.get_tokenizer("ViT-B-32")(texts)


@pytest.mark.parametrize("custom", [False, True])
@pytest.mark.parametrize("text", KINDS)
def test_a_causal_tower_computes_no_further_than_the_longest_text(custom: bool, text: dict[str, object]) -> None:
    whole = model(custom, **text)
    tower = TextTower(whole)
    owner = whole.text if custom else whole
    with torch.inference_mode():
        tower.check(tokens(["a", "two words"]))
        for texts in ([one] for one in TEXTS):
            torch.testing.assert_close(tower(tokens(texts)), whole.encode_text(tokens(texts)), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(tower(tokens(TEXTS)), whole.encode_text(tokens(TEXTS)), rtol=1e-4, atol=1e-5)
        owner.transformer = counted = Counted(owner.transformer)
        tower(tokens(["a", "blue denim jeans"]))
        assert counted.lengths == [5]


@pytest.mark.parametrize("text", [{"no_causal_mask": True}, {"embed_cls": True}, {"pool_type": "last"}])
def test_a_tower_that_looks_further_is_computed_whole(text: dict[str, object]) -> None:
    whole = model(True, **text)
    tower = TextTower(whole)
    with torch.inference_mode():
        short = tokens(["blue denim jeans"])
        torch.testing.assert_close(tower(short), whole.encode_text(short))


def test_a_tower_that_is_not_what_it_seems_is_computed_whole() -> None:
    class Other(nn.Module):
        """Looks ahead whatever the mask says."""

        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def get_cast_dtype(self) -> torch.dtype:
            return torch.float32

        def forward(self, rows: Tensor, attn_mask: Tensor | None = None) -> Tensor:
            answer: Tensor = self.inner(rows, attn_mask=None)
            return answer

    whole = model(False)
    whole.transformer = Other(whole.transformer)
    tower = TextTower(whole)
    with torch.inference_mode():
        tower.check(tokens(["a", "two words"]))
        short = tokens(["blue denim jeans"])
        torch.testing.assert_close(tower(short), whole.encode_text(short))


def test_a_text_has_one_embedding_whatever_it_is_asked_with() -> None:
    encoder = ClipEncoder.from_pretrained("bundled")
    together = encoder.encode_texts(TEXTS)
    for text, row in zip(TEXTS, together, strict=True):
        assert encoder.encode_texts([text])[0] @ row > 0.99999
