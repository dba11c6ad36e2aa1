"""What single rows shall know, as losses beside the answer's; none of it is part of the shipped model.

The answer is one label for a whole text, and for a text about two things it takes several findings in a row, none
of which helps alone. Each is told here where it belongs.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recipes.reranker.batches import Batch
from recipes.reranker.grounding import LABEL_TABLES, UNKNOWN
from recipes.reranker.hypotheses import VERDICTS
from recipes.reranker.packed import States

PICTURE_SHARE = 0.3
WORD_SHARE = 0.5


class PictureHeads(nn.Module):
    """What stands where, told from the image's rows alone; trains the picture's half before the text's can."""

    def __init__(self, width: int, names: Sequence[Sequence[Sequence[int]]]) -> None:
        """``names`` holds, for each table of classes, the token ids of each class's name."""
        super().__init__()
        self.attend = nn.Linear(width, 1)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.scale = nn.Parameter(torch.tensor(1.0))
        flat = [ids for table in names for ids in table]
        self.tokens = torch.tensor([token for ids in flat for token in ids])
        self.starts = torch.tensor([0, *itertools.accumulate(len(ids) for ids in flat)][:-1])
        self.sizes = [len(table) for table in names]

    def forward(self, states: Tensor, where: Tensor, labels: Tensor, words: Tensor) -> Tensor:
        """Mean loss of naming what each place shows.

        ``where`` (pictures, places, cells) marks the places; ``labels`` (pictures, places, tables) is -1 where unknown;
        ``words`` are the token embeddings: the classes are their names, so that the picture's rows come to lie
        where the words do, and a text's rows find what they speak of by likeness.
        """
        scores = self.attend(states).transpose(1, 2).masked_fill(~where, -1e4)
        pooled = self.norm(torch.softmax(scores, dim=-1) @ states).flatten(0, 1)
        # One look-up for all names: each look-up has a gradient as large as the vocabulary.
        classes = F.normalize(F.embedding_bag(self.tokens, words, self.starts, mode="mean"), dim=1)
        told = (self.scale.exp() * (pooled @ classes.T)).split(self.sizes, dim=1)
        return mean_loss(told, labels.flatten(0, 1))


class WordHeads(nn.Module):
    """What each word of a text sees, how its phrase goes on, and whether that holds, told from the word's row."""

    def __init__(self, width: int) -> None:
        super().__init__()
        things = [len(table) for table in LABEL_TABLES]
        self.norm = nn.LayerNorm(width)
        self.sizes = [*things, *things, len(VERDICTS)]
        self.tell = nn.Linear(width, sum(self.sizes))

    def forward(self, rows: Tensor, labels: Tensor) -> Tensor:
        """Mean losses (3) of telling what is seen, what is said and the verdict.

        ``rows`` (marks, width); ``labels`` (marks, 7) as in ``Batch.meant``.
        """
        told = self.tell(self.norm(rows)).split(self.sizes, dim=1)
        count = len(LABEL_TABLES)
        parts = (slice(0, count), slice(count, 2 * count), slice(2 * count, None))
        return torch.stack([mean_loss(told[part], labels[:, part]) for part in parts])


class Auxiliary(nn.Module):
    """All losses beside the answer's."""

    def __init__(self, width: int, layers: int, names: Sequence[Sequence[Sequence[int]]]) -> None:
        super().__init__()
        self.pictures = nn.ModuleList(PictureHeads(width, names) for _ in range(2))
        self.words = nn.ModuleList(WordHeads(width) for _ in range(layers))
        self.shares = torch.tensor([PICTURE_SHARE, WORD_SHARE, WORD_SHARE, WORD_SHARE])

    def forward(self, states: States, batch: Batch, words: Tensor) -> Tensor:
        """Losses (4) of what pictures show, what words see, what is said of them, and whether it holds.

        A word's row sees and hears in every layer but the last, where it only concludes, as from the second on.
        """
        rows = zip(self.pictures, (states.entered, states.halfway), strict=True)
        shown = torch.stack([head(image.float(), batch.where, batch.shown, words) for head, image in rows]).mean()
        text, row = batch.marked.T
        told = torch.stack([head(t[text, row].float(), batch.meant)
                            for head, t in zip(self.words, states.texts, strict=True)])  # fmt: skip
        return torch.stack([shown, told[:-1, 0].mean(), told[:-1, 1].mean(), told[1:, 2].mean()])


def mean_loss(told: Sequence[Tensor], labels: Tensor) -> Tensor:
    """Mean cross-entropy of each ``told`` (n, classes) against its column of ``labels``, where one is known."""
    columns = zip(told, labels.T, strict=True)
    losses = [F.cross_entropy(logits, column, ignore_index=UNKNOWN, reduction="sum") for logits, column in columns]
    return torch.stack(losses).sum() / (labels != UNKNOWN).sum().clamp(min=1)
