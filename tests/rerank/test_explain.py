"""Explanations: how texts are taken apart, and what the bundled model says of the parts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from indexer.samples.scenes import Item, Scene, draw
from rerank import EntailmentReranker, ImageError, InputError
from rerank.explain import explaining
from rerank.explain.phrases import MAX_ATTRIBUTES, read_phrases
from rerank.explain.plan import MAX_ITEMS, plan
from rerank.turns import Turns, finish
from rerank.types import ImageSource, ImageTokens, Pair

RED_SHIRT, BLUE_HAT = Item("shirt", "red", "striped"), Item("hat", "blue", "denim")
BESIDE = Scene((RED_SHIRT, BLUE_HAT), "beside", "front", "white", 7)


def hypotheses(text: str) -> list[str]:
    return [question.hypothesis for question in plan(text)[1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("blue denim jeans", ["blue denim jeans", "jeans", "blue jeans", "denim jeans"]),
        ("jeans", ["jeans"]),
        ("A photo of a red hat.", ["red hat", "hat", "red hat"]),
        ("a red hat, a green tie", ["red hat", "hat", "red hat", "green tie", "tie", "green tie"]),
        ("the jeans are blue", ["jeans are blue", "jeans", "jeans are blue"]),
        ("a dog next to two cats", ["dog", "dog next to two cats", "two cats", "cats", "two cats"]),
        ("a hat on the left", ["hat on the left", "hat", "hat on the left"]),
        ("no red hat", ["no red hat"]),
        ("a man without a hat", ["man", "without a hat"]),
        ("a dark blue bow tie", ["dark blue bow tie", "bow tie", "dark blue bow tie"]),
        ("a dog running in the park", ["dog running", "dog", "dog running", "dog running in the park", "park"]),
        ("a cup of coffee", ["cup of coffee"]),
        ("a red hat in the picture", ["red hat", "hat", "red hat"]),
    ],
)
def test_texts_are_taken_apart(text: str, expected: list[str]) -> None:
    assert hypotheses(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "x", "?!", "🙂 🙂", "  \n a  hat ", "红色的帽子", "ein rotes Hemd und eine blaue Hose", "लाल टोपी",
        "قبعة حمراء",
        "and of the with", "a", "no", "is is is", "hat of", "on the left", "a\x00b", "e\u0301te\u0301",
        "“quoted” – (bracketed) [and] more; or: less…",
        " ".join(["a red hat and"] * 100), " ".join(["word"] * 300), "x" * 2000, "a-b-c/d_e", "2,5 l of milk",
    ],
)  # fmt: skip
def test_any_text_gives_few_parts_in_their_places(text: str) -> None:
    phrases, questions = plan(text)
    assert 1 <= len(questions) <= 2 * MAX_ITEMS + MAX_ITEMS * (MAX_ATTRIBUTES + 2)
    assert len(phrases) <= MAX_ITEMS
    for number, question in enumerate(questions):
        assert 0 <= question.start < question.end <= len(text)
        assert question.hypothesis.strip()
        assert question.item is None or (questions[question.item].kind == "item" and question.item < number)


def test_random_texts_never_fail() -> None:
    rng = random.Random(3)
    said = "a|the|no|of|is|are|and|with|on|left|red|hat|-|,|.|'|(|3|é|帽|in|picture|running|wearing|next to"
    words = said.split("|")
    for _ in range(3000):
        text = " ".join(rng.choices(words, k=rng.randrange(1, 15)))
        for question in plan(text)[1]:
            assert text[question.start : question.end].strip()


def test_what_is_beyond_the_limit_is_one_part() -> None:
    text = ", ".join(f"a red thing{number}" for number in range(MAX_ITEMS + 5))
    rest = plan(text)[1][-1]
    assert rest.kind == "rest"
    assert text[rest.start : rest.end].count("red") == 5
    assert len(read_phrases(text)) == MAX_ITEMS + 5


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("a green striped shirt and a blue denim hat", "green"),
        ("a red striped shirt and a blue denim mug", "mug"),
        ("a red striped umbrella and a blue denim hat", "umbrella"),
        ("a red striped shirt and a pink denim hat", "pink"),
    ],
)
def test_the_changed_word_is_named(bundled: EntailmentReranker, text: str, culprit: str) -> None:
    found = bundled.explain(draw(BESIDE), text)
    assert found.verdict.label == "contradiction"
    first = found.culprits[0]
    assert (first.text, text[first.start : first.end]) == (culprit, culprit)
    assert first.cost > 0.5


def test_a_true_text_has_no_culprit(bundled: EntailmentReranker) -> None:
    found = bundled.explain(draw(BESIDE), "a red striped shirt and a blue denim hat")
    assert found.verdict.label == "entailment"
    assert found.culprits == ()
    assert {part.verdict.label for part in found.parts} == {"entailment"}


def test_swapped_colours_are_both_named(bundled: EntailmentReranker) -> None:
    found = bundled.explain(draw(BESIDE), "a blue shirt and a red hat")
    assert {one.text for one in found.culprits} == {"blue", "red"}


class KnowsNoRight:
    """A judge of whom everything is true but that something is to the right: the bundled one cannot tell sides."""

    def score_turns(
        self, pairs: Sequence[Pair], *, tokens: Sequence[ImageTokens] = ()
    ) -> Turns[list[NDArray[np.float32] | Exception]]:
        yield from ()
        return [np.array((0.1, 0, 0.9) if "right" in pair[1] else (0.9, 0, 0.1), np.float32) for pair in pairs]

    def encode_turns(self, images: Sequence[ImageSource]) -> Turns[list[ImageTokens | ImageError]]:
        raise AssertionError("asked for regions")


def test_how_things_stand_is_named() -> None:
    found = finish(explaining(KnowsNoRight(), draw(BESIDE), "a red shirt to the right of a blue hat"))
    assert [(one.text, round(one.cost, 3)) for one in found.culprits] == [("to the right of", 0.8)]
    assert [part.hypothesis for part in found.parts if part.kind == "relation"] == [
        "red shirt to the right of a blue hat"
    ]


def test_parts_agree_with_score(bundled: EntailmentReranker) -> None:
    picture = draw(BESIDE)
    found = bundled.explain(picture, "a green shirt", "a shirt")
    scores = bundled.score([(picture, part.hypothesis, "a shirt") for part in found.parts])
    given = [[part.verdict.entailment, part.verdict.neutral, part.verdict.contradiction] for part in found.parts]
    assert np.allclose(scores, given, atol=1e-5)


def test_the_evidence_lies_where_the_thing_is(bundled: EntailmentReranker) -> None:
    for text, left in (("a red striped shirt", True), ("a blue denim hat", False)):
        regions = bundled.explain(draw(BESIDE), text, regions=True).regions
        assert regions is not None
        assert regions.values.shape == (regions.rows, regions.columns) == (7, 7)
        assert regions.values.min() >= 0
        assert regions.values.max() == 1
        column = int(regions.values.argmax()) % regions.columns
        assert (column < regions.columns / 2) == left
    assert bundled.explain(draw(replace(BESIDE, seed=8)), "a red shirt").regions is None


def test_wrong_arguments(bundled: EntailmentReranker) -> None:
    with pytest.raises(InputError, match="text"):
        bundled.explain(Image.new("RGB", (9, 9)), " ")
    with pytest.raises(ImageError):
        bundled.explain(b"words", "a hat", regions=True)
