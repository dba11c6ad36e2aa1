"""WordNet's lines, and names made of them."""

from __future__ import annotations

import random

from recipes.phrases import composed, with_article
from recipes.wordnet import parse_synset

LINE = (
    "03595614 06 n 03 jean 0 blue_jean 0 denim 0 003 @ 04489008 n 0000 #p 02854739 n 0000 ~ 03689157 n 0000 | "
    "(usually plural) close-fitting trousers of heavy denim for manual work or casual wear  "
)


def test_a_synset_has_its_words_its_definition_and_what_it_is() -> None:
    synset = parse_synset(LINE)
    assert synset.words == ("jean", "blue jean", "denim")
    assert synset.gloss == "close-fitting trousers of heavy denim for manual work or casual wear"
    assert synset.hypernyms == (4489008,)


def test_articles() -> None:
    assert with_article("apple") == "an apple"
    assert with_article("dress") == "a dress"
    assert with_article("jeans") == "jeans"


def test_composed_phrases_follow_from_the_seed() -> None:
    first, second = random.Random(3), random.Random(3)
    assert [composed(first, ["boat"]) for _ in range(50)] == [composed(second, ["boat"]) for _ in range(50)]
