"""Which icons are things, and what keeps held-out things out of training under other names."""

from __future__ import annotations

import pytest

from recipes.icons import Lexicon, coloured, name_of
from recipes.pictures import Picture, held_out, names_held_out

LEXICON = Lexicon(
    frozenset(
        ["food", "croissant", "coffee", "bean", "dog", "side", "happy", "cherries", "cherry", "fruit", "bell", "pot"]
    ),
    frozenset({"croissant", "coffee bean", "bean", "dog", "cherry", "bell", "pot", "food", "fruit"}),
)


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("food-croissant-outline", "food croissant"),
        ("coffee-bean-fill", "coffee bean"),
        ("dog", "dog"),
        ("cherries-duotone", "cherries"),
        ("bell-off", ""),  # a state
        ("dog-side", ""),  # "side" is nothing one sees
        ("arrow-down-bold", ""),
        ("grommet", ""),  # not in the lexicon
        ("pot-2", ""),
        ("fluent-20-filled", ""),
    ],
)
def test_names(slug: str, name: str) -> None:
    lexicon = Lexicon(LEXICON.words, LEXICON.visible | {"cherries"})
    assert name_of(slug, lexicon) == name


def test_an_icon_of_one_colour_is_given_one_and_always_the_same() -> None:
    svg = '<svg width="24"><path fill="currentColor"/></svg>'
    assert coloured(svg, "mdi dog") == coloured(svg, "mdi dog")
    assert ' color="#' in coloured(svg, "mdi dog")


def picture(concept: str, kind: str, split: str) -> Picture:
    return Picture("x.png", (concept,), concept, "noto", kind, "train", split)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("concept", "expected"),
    [("fruit cherries", True), ("cherry", True), ("glass wine", True), ("wine cellar", False), ("cherries", True)],
)
def test_what_is_held_out_is_held_out_under_longer_names(concept: str, expected: bool) -> None:
    kept_out = held_out([picture("cherries", "emoji", "test"), picture("wine glass", "clipart", "validation")])
    assert names_held_out(picture(concept, "icon", "train"), kept_out) is expected
