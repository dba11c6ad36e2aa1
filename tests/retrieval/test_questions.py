"""Searches by image, by image and text, without something, and with copies put together; on the bundled models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import build_collection
from indexer.samples.catalogue import sample_catalogue
from indexer.samples.scenes import draw
from rerank.errors import ImageError, InputError
from retrieval.engine import SearchEngine
from retrieval.errors import FilterError, ImageNotFound
from retrieval.ranking import Place, Ranked, grouped
from retrieval.types import SearchResult


def caption_words(result: SearchResult) -> list[str]:
    """What each hit's file is named for."""
    return [Path(hit.path).stem.rpartition("-")[0].replace("_", " ") for hit in result.hits]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("garments")
    every = sample_catalogue()
    chosen = [one for one in every if one.caption in ("blue denim jeans", "blue denim shorts", "a blue denim jacket")]
    chosen += [one for one in every if "jeans" in one.caption or "sneakers" in one.caption][:20]
    for number, sample in enumerate(dict.fromkeys(chosen)):
        draw(sample.scene, size=352).save(folder / f"{sample.caption.replace(' ', '_')}-{number}.jpg")
    return folder


@pytest.fixture(scope="module")
def engine(photos: Path) -> Iterator[SearchEngine]:
    build_collection([photos], photos.parent / "garments.collection", models="bundled")
    with SearchEngine.open(photos.parent / "garments.collection") as opened:
        yield opened


def test_an_image_finds_itself_and_its_like(engine: SearchEngine, photos: Path) -> None:
    path = next(photos.glob("*sneakers*"))
    found = engine.search(image=path, top_k=5)
    assert found.hits[0].path == str(path)
    assert found.hits[0].similarity > 0.9
    assert found.query == ""
    # There is nothing to check a picture against.
    assert not found.reranked
    assert found.degraded == "an image alone says nothing that could be checked; hits are by similarity"
    assert engine.search(image=path, rerank=False).degraded is None
    for source in (path.read_bytes(), Image.open(path), np.asarray(Image.open(path)), str(path)):
        assert [hit.id for hit in engine.search(image=source, top_k=5).hits] == [hit.id for hit in found.hits]
    by_id = engine.search(image=found.hits[0].id, top_k=5)
    assert by_id.hits[0].similarity == pytest.approx(1.0, abs=1e-3)


def test_an_image_that_is_none(engine: SearchEngine, tmp_path: Path) -> None:
    with pytest.raises(ImageNotFound, match="img_00000000000000000000"):
        engine.search(image="img_" + "0" * 20)
    (tmp_path / "x.png").write_bytes(b"nothing")
    with pytest.raises(ImageError, match=r"x\.png"):
        engine.search(image=tmp_path / "x.png")
    with pytest.raises(InputError, match="or give an image"):
        engine.search("")
    with pytest.raises(InputError, match="image_weight must be between"):
        engine.search("red", image=b"", image_weight=2.0)


def test_text_and_image_together(engine: SearchEngine, photos: Path) -> None:
    path = next(photos.glob("*sneakers*"))
    both = engine.search("jeans", image=path, image_weight=0.5, top_k=10)
    assert both.reranked
    assert {hit.label for hit in both.hits} != {None}
    # The ends are the text alone and the image alone.
    for weight, alone in ((0.0, engine.search("jeans", rerank=False)), (1.0, engine.search(image=path))):
        mixed = engine.search("jeans", image=path, image_weight=weight, rerank=False)
        assert [hit.id for hit in mixed.hits] == [hit.id for hit in alone.hits]


def test_not_what_is_not_wanted(engine: SearchEngine) -> None:
    plain = engine.search("blue denim", top_k=40)
    less = engine.search("blue denim", negative="shorts", top_k=40)
    assert less.reranked

    def place(result: SearchResult) -> int:
        """Where the first shorts stand."""
        return next(place for place, words in enumerate(caption_words(result)) if words == "blue denim shorts")

    assert place(less) > place(plain)
    for hit, words in zip(less.hits, caption_words(less), strict=True):
        if words in ("blue denim jeans", "blue denim shorts"):
            assert ((hit.negative_entailment or 0.0) > 0.5) == (words == "blue denim shorts")
    # By similarity alone as well, if less sharply.
    plain, less = (engine.search("blue denim", negative=text, top_k=40, rerank=False) for text in (None, "shorts"))
    assert place(less) > place(plain)
    assert {hit.negative_entailment for hit in less.hits} == {None}


def test_hits_say_how_likely_they_show_what_they_should_not(engine: SearchEngine) -> None:
    plain = engine.search("blue denim", top_k=8)
    less = engine.search("blue denim", negative="shorts", top_k=8)
    for hit in less.hits:
        assert hit.negative_entailment is not None
        assert hit.entailment is not None
    assert {hit.negative_entailment for hit in plain.hits} == {None}


def test_the_score_is_that_of_showing_one_and_not_the_other(engine: SearchEngine) -> None:
    found = engine.search("blue denim", negative="shorts", top_k=20, fusion_weight=1.0)
    for hit in found.hits:
        assert hit.score == pytest.approx((hit.entailment or 0) * (1 - (hit.negative_entailment or 0)), abs=1e-6)
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    least = scores[4]
    kept = engine.search("blue denim", negative="shorts", top_k=20, fusion_weight=1.0, min_entailment=least)
    assert len(kept.hits) in (5, 6)


def test_a_deadline_counts_for_the_negative_text_too(engine: SearchEngine) -> None:
    found = engine.search("blue denim", negative="shorts", deadline_ms=0.01)
    assert not found.reranked
    assert "deadline" in (found.degraded or "")


def test_filters_go_with_the_rest(engine: SearchEngine) -> None:
    found = engine.search("sneakers", filter='path = "*jeans*"', top_k=10)
    assert found.hits
    assert all("jeans" in words for words in caption_words(found))
    assert engine.search("sneakers", filter="width > 10000").hits == ()
    with pytest.raises(FilterError, match="character 1"):
        engine.search("sneakers", filter="colour = red")


def test_copies_are_put_together(photos: Path, tmp_path: Path) -> None:
    pictures = sorted(photos.glob("*.jpg"))[:6]
    for path in pictures:
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / path.name).write_bytes(path.read_bytes())
    original = Image.open(pictures[0])
    for quality in (93, 90):
        original.save(tmp_path / "in" / f"copy{quality}.jpg", quality=quality)
    build_collection([tmp_path / "in"], tmp_path / "c", models="bundled")
    with SearchEngine.open(tmp_path / "c", reranker=None) as engine:
        apart = engine.search("clothes", top_k=8, rerank=False)
        together = engine.search("clothes", top_k=8, rerank=False, group_duplicates=0.99)
        assert len(apart.hits) == 8
        assert {hit.duplicates for hit in apart.hits} == {()}
        first = next(hit for hit in together.hits if hit.duplicates)
        names = {Path(engine.collection.image(one).paths[0]).name for one in (first.id, *first.duplicates)}
        assert {pictures[0].name, "copy93.jpg", "copy90.jpg"} <= names
        shown = [hit.id for hit in together.hits]
        hidden = [one for hit in together.hits for one in hit.duplicates]
        # Nothing is lost, nothing stands twice, and the order is what it was.
        assert sorted(shown + hidden) == sorted(hit.id for hit in apart.hits)
        assert shown == [hit.id for hit in apart.hits if hit.id in set(shown)]


def test_groups_by_hand() -> None:
    vectors = {
        name: np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)
        for name, angle in {"a": 0.0, "b": 1.5, "c": 0.2, "d": 0.4, "e": 1.6}.items()
    }
    places = tuple(Place(name, 0.5, 0.5) for name in "abcdefg")
    found = grouped(Ranked(places, False), 0.97, lambda ids: {one: vectors[one] for one in ids if one in vectors})
    # a–c and c–d are close, and so a and d belong together; f and g are not there any more.
    assert {one.id: one.duplicates for one in found.places} == {"a": ("c", "d"), "b": ("e",), "f": (), "g": ()}
