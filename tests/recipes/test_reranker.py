"""The bundled reranker's recipe: labels are true, nothing held out is seen, the short cuts are exact."""

from __future__ import annotations

import random
from collections import Counter

import pytest
import torch

from indexer.samples.scenes import bindable_scene, is_held_out, random_scene, swapped
from indexer.samples.types import Item, Scene
from recipes.reranker.concepts import ConceptWorld, Hypernyms
from recipes.reranker.contrast import Neighbours, contrasts
from recipes.reranker.drawn import catalogue_records, scene_of, training_records, unseen_records
from recipes.reranker.hypotheses import hypotheses
from recipes.reranker.packed import answer_logits, keep_apart
from recipes.reranker.truth import Phrase, judge
from recipes.reranker.wording import with_article
from rerank.ofa.config import OFAConfig, TimmStemConfig
from rerank.ofa.model import OFAModel

JEANS = Item("jeans", "blue", "denim")
SHIRT = Item("shirt", "red", "striped")
BESIDE = Scene((SHIRT, JEANS), "beside", "front", "white", 1)


@pytest.mark.parametrize(
    ("phrases", "relation", "verdict"),
    [
        ((Phrase("blue", "denim", "jeans"),), "and", "entailment"),
        ((Phrase(kind="trousers"),), "and", "entailment"),
        ((Phrase("blue", "", "shirt"),), "and", "contradiction"),
        ((Phrase("red", "", "jeans"),), "and", "contradiction"),
        ((Phrase("red", "striped", "T-shirt"),), "and", "neutral"),
        ((Phrase("crimson", "stripy", "dress shirt"),), "and", "entailment"),
        ((Phrase("red", "plain", "shirt"),), "and", "contradiction"),
        ((Phrase("red", "", "shirt"), Phrase("blue", "", "jeans")), "and", "entailment"),
        ((Phrase("blue", "", "shirt"), Phrase("red", "", "jeans")), "and", "contradiction"),
        ((Phrase(kind="shirt"), Phrase(kind="jeans")), "left", "entailment"),
        ((Phrase(kind="jeans"), Phrase(kind="shirt")), "left", "contradiction"),
        ((Phrase(kind="jeans"), Phrase(kind="shirt")), "right", "entailment"),
        ((Phrase(kind="shirt"), Phrase(kind="jeans")), "above", "contradiction"),
        ((Phrase(kind="shirt"), Phrase(kind="shirt")), "and", "contradiction"),
    ],
)
def test_the_judge_knows_what_a_scene_shows(phrases, relation, verdict):
    assert judge(BESIDE, phrases, relation) == verdict


def test_captions_of_a_scene_and_its_twin_contradict_each_other():
    rng = random.Random(0)
    for _ in range(50):
        scene = bindable_scene(rng)
        phrases = tuple(Phrase(item.colour, "", item.kind) for item in scene.items)
        assert judge(scene, phrases) == "entailment"
        assert judge(swapped(scene), phrases) == "contradiction"


def test_a_contrast_is_true_of_one_picture_and_false_of_the_other():
    rng = random.Random(0)
    for _ in range(30):
        scene = bindable_scene(rng)
        first, second = contrasts((scene, swapped(scene)), rng, 8)
        assert first
        assert [one.text for one in first] == [one.text for one in second]
        labels = [{one.label, other.label} for one, other in zip(first, second, strict=True)]
        assert all(both == {"entailment", "contradiction"} for both in labels)
    scene = Scene((JEANS,), "single", "front", "white", 1)
    assert contrasts((scene, scene), rng, 8) == ([], [])


def test_neighbours_differ_in_one_thing():
    rng = random.Random(0)
    scenes = {n: random_scene(rng) for n in range(2000)}
    neighbours = Neighbours(scenes)
    found = [
        (scenes[n].items[0], scenes[other].items[0]) for n in scenes if (other := neighbours.of(n, rng)) is not None
    ]
    assert len(found) > 500
    for item, other in found:
        assert (item.kind != other.kind) + (item.colour != other.colour) + (item.finish != other.finish) == 1


def test_every_label_is_common_and_tells_little_by_its_form():
    rng = random.Random(0)
    made = [one for _ in range(300) for one in hypotheses(random_scene(rng), rng, 10)]
    labels = Counter(one.label for one in made)
    assert min(labels.values()) > 0.15 * len(made)
    bare = [one for one in made if one.premise is None and len(one.text.split()) <= 4]
    forms = Counter(one.label for one in bare)
    assert 0.5 < forms["entailment"] / forms["contradiction"] < 2.0


def test_single_item_queries_with_a_wrong_colour_are_contradictions():
    rng = random.Random(0)
    scene = Scene((JEANS,), "single", "front", "white", 1)
    for one in hypotheses(scene, rng, 400):
        if one.premise is None and one.text in ("red denim jeans", "green jeans", "a blue denim skirt"):
            assert one.label == "contradiction"


def test_training_never_sees_a_held_out_combination_or_a_picture_of_the_catalogue():
    records = training_records(200, 40, 20, seed=3)
    scenes = [scene_of(record) for record in records]
    assert not any(is_held_out(item) for scene in scenes for item in scene.items)
    samples = {scene_of(record).seed for record in catalogue_records()}
    assert not samples & {scene.seed for scene in scenes}
    assert all(is_held_out(item) for record in unseen_records(20, 5, seed=3) for item in scene_of(record).items)


def test_scenes_are_followed_by_their_twins():
    scenes = [scene_of(record) for record in training_records(0, 10, 0, seed=4)]
    assert all(swapped(first) == second for first, second in zip(scenes[::2], scenes[1::2], strict=True))


def _model() -> OFAModel:
    torch.manual_seed(0)
    stem = TimmStemConfig("tf_efficientnet_lite0", levels=(-1,), grid=3)
    shape = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
    config = OFAConfig(50, 32, 2, 1, **shape, image_stem=stem, max_position_embeddings=40, token_bucket_size=16,
                       image_bucket_size=3)  # fmt: skip
    model = OFAModel(config).eval()
    keep_apart(model)
    return model


@torch.inference_mode()
def test_many_texts_packed_on_one_picture_answer_as_one_pair_at_a_time():
    model, answers = _model(), torch.tensor([5, 6, 7])
    features = torch.randn(2, 9, 1280)
    tokens = torch.randint(4, 50, (2, 3, 12))
    tokens[:, 1, 8:] = 1
    packed, _ = answer_logits(model, features, tokens, answers)
    images = model.encoder.embed_image(features)
    for picture in range(2):
        for text in range(3):
            alone = model(images[picture][None], tokens[picture, text][None], answers)
            torch.testing.assert_close(packed[picture, text][None], alone, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_image_rows_do_not_see_the_text():
    model = _model()
    encoder, image = model.encoder, torch.randn(1, 9, 32)
    positions = encoder.positions((3, 3), 6)
    biases = encoder.biases(positions, (3, 3), 6)
    one, other = (encoder(image, torch.randn(1, 6, 32), biases, None) for _ in range(2))
    torch.testing.assert_close(one[:, :9], other[:, :9], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(one[:, 9:], other[:, 9:], atol=1e-2)


def test_standardised_features_can_be_folded_into_the_projection():
    from recipes.reranker.starting import fold_statistics

    model = _model()
    raw = torch.rand(1, 9, 1280) * 30
    mean, deviation = torch.rand(1280) * 15, torch.rand(1280) + 0.5
    before = model.encoder.embed_image((raw - mean) / deviation)
    fold_statistics(model, mean, deviation)
    torch.testing.assert_close(model.encoder.embed_image(raw), before, atol=1e-3, rtol=1e-3)


class _NoHypernyms(Hypernyms):
    def __init__(self) -> None:
        self._chains = {"apple": ["fruit"], "car": ["vehicle"]}
        self.all = ["fruit", "vehicle"]


def test_recoloured_things_are_asked_for_in_right_and_wrong_colours():
    records = [
        {"kind": "recoloured", "colour": colour, "concept": concept, "captions": [f"{colour} {concept}"]}
        for colour, concept in (("green", "apple"), ("red", "car"), ("blue", "apple"))
    ]
    world = ConceptWorld(records, _NoHypernyms())
    made = world.hypotheses(records[0], random.Random(0), 400)
    labels = {(one.text, one.label) for one in made if one.premise is None}
    assert ("green apple", "entailment") in labels
    assert ("red apple", "contradiction") in labels
    assert ("fruit", "entailment") in labels
    assert not any(text in ("green apple", "apple", "fruit") and label != "entailment" for text, label in labels)


@pytest.mark.parametrize(
    ("noun", "said"),
    [
        ("red dress", "a red dress"),
        ("blue jeans", "blue jeans"),
        ("orange hat", "an orange hat"),
        ("luggage", "luggage"),
    ],
)
def test_articles(noun, said):
    assert with_article(noun) == said
