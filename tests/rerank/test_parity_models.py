"""Our OFA against the reference's probabilities on random models of every shape, and against itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rerank import Candidate, EntailmentReranker
from rerank.types import Pair
from tests.rerank.parity_cases import CASES, MANY_WORDS, Case, Question, picture
from tests.rerank.random_models import write_model

GOLDEN = Path(__file__).parent.parent / "data" / "ofa-parity.json"
# We promise 1e-4 and reach 1e-6; a slightly wrong table may change a random model's answers by less than the promise.
TOLERANCE = 1e-5
BY_NAME = {case.spec.name: case for case in CASES}
# Small models of unlike shapes, for what must hold of any.
SMALL = ("uneven", "deep-decoder", "shared-bias", "scaled-embedding")
TEXTS = ("", "blue denim jeans", "a cat is looking at the camera in the morning", MANY_WORDS[:200])
Open = Callable[..., EntailmentReranker]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    # Layers this small are done before two threads have met: on a busy machine those cost twenty times as much.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Opens the random model of a case in fp32; options are those of ``from_pretrained``."""

    def load(name: str, *, published: bool = False, prefix: str = "", **options: int) -> EntailmentReranker:
        directory = tmp_path / f"{name}-{published}-{prefix}"
        if not directory.exists():
            write_model(directory, BY_NAME[name].spec, published=published, prefix=prefix)
        return EntailmentReranker.from_pretrained(str(directory), precision="fp32", **options)

    return load


@cache
def golden() -> dict[str, list[list[float]]]:
    found: dict[str, list[list[float]]] = json.loads(GOLDEN.read_text())["probabilities"]
    return found


def pairs(questions: tuple[Question, ...]) -> list[Pair]:
    return [(picture(name), text, premise) for name, text, premise in questions]


def gap(one: NDArray[np.float32], other: object) -> float:
    return float(np.abs(one - np.asarray(other)).max())


def test_every_case_has_its_golden_values() -> None:
    assert {case.spec.name: len(case.questions) for case in CASES} == {
        name: len(rows) for name, rows in golden().items()
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.spec.name)
def test_probabilities_equal_the_reference(case: Case, opened: Open) -> None:
    with opened(case.spec.name) as reranker:
        assert gap(reranker.score(pairs(case.questions)), golden()[case.spec.name]) <= TOLERANCE


@pytest.mark.parametrize("prefix", ["", "model."])
def test_checkpoints_as_modelscope_writes_them_are_read(prefix: str, opened: Open) -> None:
    with opened("one-head", published=True, prefix=prefix) as reranker:
        scores = reranker.score(pairs(BY_NAME["one-head"].questions))
    assert gap(scores, golden()["one-head"]) <= TOLERANCE


@pytest.mark.parametrize("name", SMALL)
def test_batch_equals_single_whatever_else_is_in_it(name: str, opened: Open) -> None:
    mixed: list[Pair] = [(picture(image), text) for image in ("rings", "noise", "tall") for text in TEXTS]
    with opened(name, batch_size=64) as reranker:
        together = reranker.score(mixed)
        alone = np.concatenate([reranker.score([pair]) for pair in mixed])
    with opened(name, batch_size=5) as reranker:
        in_fives = reranker.score(mixed)
    assert gap(together, alone) <= 1e-5
    assert gap(in_fives, alone) <= 1e-5


@pytest.mark.parametrize("name", SMALL)
def test_order_of_the_pairs_is_irrelevant(name: str, opened: Open) -> None:
    mixed: list[Pair] = [(picture(image), text) for image in ("rings", "noise", "tall") for text in TEXTS]
    shuffled = np.random.default_rng(0).permutation(len(mixed))
    with opened(name, batch_size=4) as reranker:
        straight, crooked = reranker.score(mixed), reranker.score([mixed[index] for index in shuffled])
    assert gap(straight[shuffled], crooked) <= 1e-5


@pytest.mark.parametrize("name", SMALL)
def test_cached_image_tokens_change_nothing(name: str, opened: Open, tmp_path: Path) -> None:
    files: list[Pair] = []
    for image in ("rings", "noise", "tall"):
        picture(image).save(tmp_path / f"{image}.png")
        files += [(tmp_path / f"{image}.png", text) for text in TEXTS[1:3]]
    with opened(name) as cached, opened(name, cache_bytes=0) as uncached:
        first, second, fresh = cached.score(files), cached.score(files[::-1])[::-1], uncached.score(files)
    assert gap(first, second) <= 1e-5
    assert gap(first, fresh) <= 1e-5


@pytest.mark.parametrize("name", SMALL)
def test_rank_agrees_with_score(name: str, opened: Open) -> None:
    images = {image: picture(image) for image in ("rings", "noise", "tall", "tiny")}
    candidates = [Candidate(image, drawn, caption=f"a {image} picture") for image, drawn in images.items()]
    with opened(name, batch_size=3) as reranker:
        ranked = reranker.rank("a red umbrella", candidates)
        scores = reranker.score([(drawn, "a red umbrella", f"a {image} picture") for image, drawn in images.items()])
    expected = dict(zip(images, scores[:, 0].tolist(), strict=True))
    assert {hit.id: pytest.approx(hit.verdict.entailment, abs=1e-5) for hit in ranked if hit.verdict} == expected
    assert [hit.id for hit in ranked] == sorted(images, key=lambda image: -expected[image])


@pytest.mark.parametrize("name", SMALL)
def test_picture_text_and_premise_all_matter(name: str, opened: Open) -> None:
    with opened(name) as reranker:
        scores = reranker.score(
            [
                (picture("rings"), "a cat"),
                (picture("noise"), "a cat"),
                (picture("rings"), "a dog"),
                (picture("rings"), "a cat", "a dog"),
            ]
        )
    assert min(gap(scores[0], row) for row in scores[1:]) > 1e-3
