"""Where in a picture the evidence for a text lies: what the entailment loses when a part of it is taken away.

Occlusion (Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014, section 4.2), but of image
tokens rather than of pixels: the picture is encoded once, and each cover costs no more than judging a cached image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rerank.errors import ImageError
from rerank.explain.types import Regions
from rerank.turns import Turns, results
from rerank.types import ImageSource, ImageTokens, Pair

# Rows and columns of the map. Finer ones would cost a large model minutes, and the cells of the small one are no finer.
GRID = 7
MOST_COVERS = GRID * GRID
# Rows and columns of the map that are covered at a time: a single cell's neighbours tell what was in it.
COVER = 3
GREY = 128
FLOOR = 1e-6


class Judge(Protocol):
    """What finding the evidence needs of a model, in turns (see ``rerank.turns``)."""

    def encode_turns(self, images: Sequence[ImageSource]) -> Turns[list[ImageTokens | ImageError]]: ...

    def score_turns(
        self, pairs: Sequence[Pair], *, tokens: Sequence[ImageTokens] = ()
    ) -> Turns[list[NDArray[np.float32] | Exception]]: ...


def locating(judge: Judge, image: ImageSource, text: str, premise: str | None = None) -> Turns[Regions]:
    """Cover a few cells at a time with those of a grey picture, MOST_COVERS times at most: what does the text lose?

    Raises:
        ImageError: the image cannot be read.
    """
    whole, grey = yield from judge.encode_turns([image, Image.new("RGB", (64, 64), (GREY, GREY, GREY))])
    if isinstance(whole, ImageError):
        raise whole
    assert isinstance(grey, ImageTokens), "a plain grey picture can be encoded"
    covered = [whole, *_covered(whole, grey)]
    rows = results((yield from judge.score_turns([(image, text, premise)] * len(covered), tokens=covered)))
    odds = _log_odds(np.array([row[0] for row in rows], np.float64))
    side = round((len(covered) - 1) ** 0.5)
    return Regions(scaled((odds[0] - odds[1:]).reshape(side, side)))


def scaled(losses: NDArray[np.float64]) -> NDArray[np.float32]:
    """Losses of log-odds as 0 to 1, the greatest 1; where the entailment rises it is 0."""
    losses = np.maximum(losses, 0.0)
    most = float(losses.max(initial=0.0))
    return np.asarray(losses / most if most > 0 else losses, dtype=np.float32)


def _log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    # Unlike a probability's, its fall shows where the model is all but certain.
    clipped = np.clip(probability, FLOOR, 1 - FLOOR)
    odds: NDArray[np.float64] = np.log(clipped / (1 - clipped))
    return odds


def _covered(whole: ImageTokens, grey: ImageTokens) -> Iterator[ImageTokens]:
    """The picture's tokens with each part of the map, and what lies around it, replaced by grey ones."""
    side = round(len(whole.values) ** 0.5)
    grid = min(GRID, side)
    edges = np.rint(np.linspace(0, side, grid + 1)).astype(int)
    reach = COVER // 2
    for row in range(grid):
        for column in range(grid):
            values = whole.values.copy().reshape(side, side, -1)
            rows = slice(edges[max(0, row - reach)], edges[min(grid, row + reach + 1)])
            columns = slice(edges[max(0, column - reach)], edges[min(grid, column + reach + 1)])
            values[rows, columns] = grey.values.reshape(side, side, -1)[rows, columns]
            yield ImageTokens(values.reshape(whole.values.shape), whole.fingerprint)
