"""What is drawn: an item is a kind in a colour and a finish; a scene shows one or two of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """One thing: keys of KINDS, COLOURS and FINISHES."""

    kind: str
    colour: str
    finish: str


@dataclass(frozen=True)
class Scene:
    """One or two items; ``seed`` fixes every random detail of the drawing.

    ``layout`` is "single", "beside" (left, right) or "above" (upper, lower).
    """

    items: tuple[Item, ...]
    layout: str
    view: str
    background: str
    seed: int
