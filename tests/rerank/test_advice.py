"""Advice: plain captions get none, what no picture proves does."""

from __future__ import annotations

import random

import pytest

from indexer.samples.catalogue import sample_catalogue
from indexer.samples.scenes import caption, random_scene
from rerank import advise

# As people write them for pictures, in the manner of the captioning data sets.
CAPTIONS = """
A man riding a wave on top of a surfboard.
A black and white dog is jumping over a hurdle.
Two women sit at a table with plates of food.
A red double-decker bus drives down a city street.
A cat sleeping on a laptop keyboard.
Three children play soccer in a grassy field.
A bowl of oranges next to a bunch of bananas.
An old stone church under a cloudy sky.
A person wearing a yellow jacket is skiing down a snowy slope.
A vase of flowers sits on a windowsill.
A giraffe standing next to a tall tree.
A group of people standing around a kitchen counter.
A clock tower with a blue roof.
A train traveling through a forest at night.
A woman holding an umbrella in the rain.
The boy in the green shirt throws a ball.
A half-eaten pizza on a wooden cutting board.
A man and his dog walk along the beach.
White sneakers with red laces
A leather handbag with a gold buckle
Several boats docked in a harbor
A stop sign at the corner of a street
A no parking sign on a brick wall
A great dane beside a small child
A baby elephant walks behind its mother.
A glass of orange juice and a croissant
A black-and-white photo of an old car
A striped cotton shirt on a hanger
Four zebras drinking from a river
A kitchen with white cabinets and a steel fridge
""".strip().splitlines()
DESCRIPTIONS = [
    ("A beautiful summer dress, perfect for any occasion", {"opinion", "invisible"}),
    ("Our best-selling backpack, now on sale for $49.99", {"opinion", "invisible"}),
    ("High quality leather boots made in Italy", {"opinion", "invisible"}),
    ("Machine washable cotton shirt in size M", {"invisible"}),
    ("Comfortable running shoes", {"invisible"}),
    ("A desk lamp, 45 cm tall", {"invisible"}),
    ("A 2 kg bag of flour", {"invisible"}),
    ("Delicious chocolate cake", {"invisible"}),
    ("Bed linen, 100% organic cotton", {"invisible"}),
    ("The candle smells of lavender", {"invisible"}),
    ("A photo taken yesterday", {"invisible"}),
    ("A man without a hat", {"negation"}),
    ("There are no people on the beach", {"negation"}),
    ("The dog isn't wearing a collar", {"negation"}),
    ("Is there a dog in the picture?", {"question"}),
    ("what colour is the car", {"question"}),
    ("Show me red shoes", {"command"}),
    ("Buy now and pair it with jeans", {"command"}),
    ("250 people in a square", {"number"}),
    ("A flock of fifty sheep", {"number"}),
    ("A red hat. It lies on a table.", {"sentences"}),
    ("ein rotes Kleid mit weißen Punkten und eine Tasche", {"language"}),
    ("un chat noir sur une chaise", {"language"}),
    ("un gato negro y una mesa con flores", {"language"}),
    ("красная шляпа", {"language"}),
    ("赤い帽子", {"language"}),
    ("", {"empty"}),
    ("🙂", {"empty"}),
    ("a picture of something", {"empty"}),
    ("red hat, blue hat, etc.", {"filler"}),
    (" ".join(["red hat"] * 40), {"long"}),
]


@pytest.mark.parametrize("text", CAPTIONS)
def test_plain_captions_get_none(text: str) -> None:
    assert advise(text) == []


def test_captions_of_drawn_scenes_get_none() -> None:
    rng = random.Random(1)
    texts = {sample.caption for sample in sample_catalogue()}
    texts |= {caption(random_scene(rng, items=1 + number % 2)) for number in range(2000)}
    assert len(texts) > 1000
    assert [text for text in texts if advise(text)] == []


@pytest.mark.parametrize(("text", "kinds"), DESCRIPTIONS)
def test_what_no_picture_proves_is_named(text: str, kinds: set[str]) -> None:
    found = advise(text)
    assert {one.kind for one in found} == kinds
    for one in found:
        assert 0 <= one.start <= one.end <= len(text)
        assert one.message


def test_it_says_which_words() -> None:
    text = "👒 a gorgeous hat for €20, machine washable"
    assert [text[one.start : one.end] for one in advise(text)] == ["gorgeous", "€20", "machine washable"]


def test_the_model_s_limit_counts() -> None:
    text = "one red hat and two blue hats"
    (found,) = advise(text, max_words=4)
    assert (found.kind, text[found.start : found.end]) == ("long", "two blue hats")


def test_any_text_is_taken() -> None:
    rng = random.Random(5)
    for _ in range(2000):
        advise("".join(chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x2000), 0x1F600))) for _ in range(40)))
