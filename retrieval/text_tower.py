"""Texts through an open_clip model's text tower, no further than each text goes.

A causal tower (CLIP's) reads the end token's row, and no token sees those behind it: the padding up to the tower's 77
tokens or so, which is most of them for a query, is computed for nothing. Left out, the vectors are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

# Up to how many multiplications one thread is as quick as several, which have to wait for each other.
SMALL_WORK = 10**9
# How far the two ways may lie apart; they differ by rounding alone.
TOLERANCE = 1e-3


class TextTower:
    """The text side of an open_clip model: tokens to features (not normalised), as ``model.encode_text`` gives them."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._tower = getattr(model, "text", model)
        transformer = getattr(self._tower, "transformer", None)
        # Without the embeddings, which are looked up.
        self._weights = sum(one.numel() for one in transformer.parameters()) if transformer is not None else 0
        self._pool = _pool(self._tower)

    @torch.inference_mode()
    def check(self, tokens: Tensor) -> None:
        """Compute all positions from now on, if leaving some out changes the features of ``tokens``."""
        if self._pool is not None:
            whole = self._model.encode_text(tokens)
            if not torch.allclose(self(tokens), whole, rtol=TOLERANCE, atol=TOLERANCE * float(whole.abs().max())):
                self._pool = None

    def __call__(self, tokens: Tensor) -> Tensor:
        """Token ids (n, context) to features (n, width)."""
        ends = self._pool(tokens) if self._pool is not None else None
        length = tokens.shape[1] if ends is None else int(ends.max()) + 1
        small = 0 < self._weights * length * len(tokens) <= SMALL_WORK
        with one_thread() if small else nullcontext():
            return self._model.encode_text(tokens) if ends is None else self._short(tokens[:, :length], ends)

    def _short(self, tokens: Tensor, ends: Tensor) -> Tensor:
        """Source: open_clip's ``CLIP.encode_text`` and ``TextTransformer.forward``."""
        tower, length = self._tower, tokens.shape[1]
        kind = tower.transformer.get_cast_dtype()
        rows = tower.token_embedding(tokens).to(kind) + tower.positional_embedding[:length].to(kind)
        rows = tower.ln_final(tower.transformer(rows, attn_mask=tower.attn_mask[:length, :length]))
        pooled = rows[torch.arange(len(rows), device=rows.device), ends]
        if tower.text_projection is not None:
            linear = isinstance(tower.text_projection, nn.Linear)
            pooled = tower.text_projection(pooled) if linear else pooled @ tower.text_projection
        features: Tensor = pooled
        return features


@contextmanager
def one_thread() -> Iterator[None]:
    """torch computes on the calling thread alone within."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _pool(tower: Any) -> Callable[[Tensor], Tensor] | None:
    """Where each text ends, for towers that look no further; None for others."""
    from open_clip.model import CLIP
    from open_clip.transformer import TextTransformer

    known = type(tower) in (CLIP, TextTransformer) and getattr(tower, "attn_mask", None) is not None
    if not known or getattr(tower, "cls_emb", None) is not None or getattr(tower, "use_pad_mask", False):
        return None
    kind = getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))
    if kind == "argmax":
        return lambda tokens: tokens.argmax(dim=-1)
    end = getattr(tower, "text_eos_id", getattr(tower, "eos_id", None))
    if kind == "eos" and end is not None:
        return lambda tokens: (tokens == end).int().argmax(dim=-1)
    return None
