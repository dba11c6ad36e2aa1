"""Texts as people type them into an image search, for measuring what an index finds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

THINGS = """
    dog cat horse bird fish cow butterfly tree flower mountain river beach forest sunset snow city street bridge house
    church door window kitchen table chair lamp bed book laptop phone camera clock bicycle car bus train boat airplane
    bottle cup plate pizza cake bread apple banana salad shirt dress shoes hat jacket bag jeans glasses umbrella ball
    guitar piano toy bear balloon flag sign map poster drawing logo man woman child baby crowd couple family
"""
QUALITIES = """
    red blue green yellow black white brown orange pink grey small large old new wooden empty striped bright
"""
FRAMES = ("{thing}", "{quality} {thing}", "a photo of a {quality} {thing}", "{thing} and {other}", "{thing} on a table")


def phrases_for(count: int, captions: Sequence[str] = (), seed: int = 0) -> list[str]:
    """``count`` texts, the same for the same captions: up to two thirds of them captions, the rest made phrases."""
    random = np.random.default_rng(seed)
    distinct = sorted({caption.strip() for caption in captions if caption.strip()})
    chosen = random.permutation(len(distinct))[: 2 * count // 3]
    texts = [distinct[place] for place in chosen]
    things = THINGS.split()
    pairs = list(product(things, QUALITIES.split()))
    for number in random.permutation(len(pairs)).tolist():
        if len(texts) >= count:
            break
        thing, quality = pairs[number]
        other = things[(number * 7 + 3) % len(things)]
        text = FRAMES[number % len(FRAMES)].format(thing=thing, quality=quality, other=other)
        if text not in texts:
            texts.append(text)
    # Shuffled, so that those that calibrate and those that measure are of both kinds.
    return [texts[place] for place in random.permutation(len(texts))]
