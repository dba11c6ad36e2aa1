"""What the reranker's words are told of a picture, and the losses that tell them."""

from __future__ import annotations

import random

import pytest
import torch
from torch.nn import functional as F

from indexer.samples.scenes import random_scene
from indexer.samples.types import Item, Scene
from recipes.reranker.auxiliary import PictureHeads, mean_loss
from recipes.reranker.batches import picture_labels
from recipes.reranker.grounding import LABEL_TABLES, NOTHING, UNKNOWN, labels_of, marks
from recipes.reranker.hypotheses import VERDICTS, Hypothesis, hypotheses
from recipes.reranker.truth import Phrase, judge
from rerank.ofa.tokenizer import Tokenizer

JEANS = Item("jeans", "blue", "denim")
SHIRT = Item("shirt", "red", "striped")
BESIDE = Scene((SHIRT, JEANS), "beside", "front", "white", 1)
WORDS = ("a", "blue", "red", "denim", "jeans", "pants", "shirt", "skirt", "and")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """A token for each of WORDS, spaces included, as in the real vocabulary; letters for the rest."""
    letters = [chr(code) for code in range(33, 127)] + ["Ġ"]
    vocabulary = {token: n for n, token in enumerate(letters)}
    merges = []
    for word in WORDS:
        made = "Ġ"
        for letter in word:
            merges.append((made, letter))
            made += letter
            vocabulary.setdefault(made, len(vocabulary))
    return Tokenizer(vocabulary, list(dict.fromkeys(merges)))


def _marked(text: str, phrases: tuple[Phrase, ...], tokenizer: Tokenizer, premise: str | None = None):
    tokens = [0, *tokenizer.encode(f" {text}"), 2]
    names = {number: token for token, number in tokenizer.vocabulary.items()}
    found = marks(Hypothesis(text, "neutral", premise, phrases), tokens, BESIDE, tokenizer)
    return {names[tokens[mark.row]]: mark for mark in found}


def test_each_word_is_told_what_it_sees_what_is_said_and_whether_it_holds(tokenizer):
    phrases = (Phrase("red", "", "jeans"), Phrase("blue", "", "shirt"))
    found = _marked("red jeans and a blue shirt", phrases, tokenizer)
    assert list(found) == ["Ġred", "Ġjeans", "Ġblue", "Ġshirt"]
    assert found["Ġred"].seen == found["Ġshirt"].seen == labels_of(SHIRT)
    assert found["Ġjeans"].seen == found["Ġblue"].seen == labels_of(JEANS)
    kinds, colours, _ = LABEL_TABLES
    assert found["Ġred"].said == found["Ġjeans"].said == (kinds.index("jeans"), colours.index("red"), UNKNOWN)
    assert {VERDICTS[mark.verdict] for mark in found.values()} == {"contradiction"}


def test_words_of_one_phrase_are_not_sought_in_another(tokenizer):
    phrases = (Phrase("blue", "", "shirt"), Phrase("blue", "denim", "jeans"))
    tokens = [0, *tokenizer.encode(" blue shirt and blue denim jeans"), 2]
    found = marks(Hypothesis("", "neutral", phrases=phrases), tokens, BESIDE, tokenizer)
    assert [mark.row for mark in found] == [1, 2, 4, 5, 6]
    assert [VERDICTS[mark.verdict] for mark in found] == ["contradiction"] * 2 + ["entailment"] * 3


def test_a_word_that_means_nothing_there_or_more_than_one_thing_is_told_nothing(tokenizer):
    assert _marked("a skirt", (Phrase(kind="skirt"),), tokenizer)["Ġskirt"].seen == NOTHING
    both = Scene((SHIRT, Item("skirt", "red", "plain")), "beside", "front", "white", 1)
    tokens = [0, *tokenizer.encode(" red shirt"), 2]
    red, shirt = marks(Hypothesis("", "neutral", phrases=(Phrase("red", "", "shirt"),)), tokens, both, tokenizer)
    assert (red.seen, shirt.seen) == (NOTHING, labels_of(SHIRT))


def test_wide_words_see_but_do_not_say_a_kind(tokenizer):
    found = _marked("pants", (Phrase(kind="pants"),), tokenizer)["Ġpants"]
    assert found.seen == labels_of(JEANS)
    assert found.said == NOTHING


def test_nothing_is_marked_behind_a_premise(tokenizer):
    assert _marked("red jeans", (Phrase("red", "", "jeans"),), tokenizer, premise="red jeans") == {}


def test_the_phrases_of_a_hypothesis_bear_its_label():
    rng = random.Random(0)
    scenes = [random_scene(rng, items=items) for items in (1, 2) for _ in range(60)]
    single = 0
    for scene in scenes:
        for one in hypotheses(scene, rng, 12):
            if len(one.phrases) == 1 and one.text.split()[-1] in one.phrases[0].kind.split():
                negated = one.text.startswith(("no ", "not ", "there is no "))
                holds = judge(scene, one.phrases) == "entailment"
                single += 1
                assert one.label == "neutral" or holds == ((one.label == "entailment") is not negated)
    assert single > 200


def test_named_pictures_are_told_their_concept_and_colour():
    record = {"concept": "apple", "colour": "green", "captions": ["green apple"]}
    where, shown = picture_labels(record, {"pear": 0, "apple": 1})
    assert where.all()
    assert shown[0] == [UNKNOWN, LABEL_TABLES[1].index("green"), UNKNOWN, 1]
    assert set(shown[1]) == {UNKNOWN}


def test_losses_pass_over_what_is_unknown():
    told = [torch.randn(3, 4), torch.randn(3, 5)]
    labels = torch.tensor([[1, UNKNOWN], [UNKNOWN, 2], [UNKNOWN, UNKNOWN]])
    expected = (F.cross_entropy(told[0][:1], labels[:1, 0]) + F.cross_entropy(told[1][1:2], labels[1:2, 1])) / 2
    torch.testing.assert_close(mean_loss(told, labels), expected)
    assert float(mean_loss(told, torch.full((3, 2), UNKNOWN))) == 0.0


def test_a_picture_whose_cells_lie_where_its_name_does_is_named():
    words = torch.eye(8)
    heads = PictureHeads(8, [[[1], [2, 3]], [[4], [5]]])
    states = (words[2] + words[3] + words[5]).expand(1, 9, 8)
    where = torch.ones(1, 1, 9, dtype=torch.bool)
    right, wrong = (heads(states, where, torch.tensor([[labels]]), words).detach() for labels in ([1, 1], [0, 0]))
    assert right < wrong
