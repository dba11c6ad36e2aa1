from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from rerank import EntailmentReranker
from rerank.errors import InputError
from rerank.preparation import check_preparation, prepare_picture


def wide(width: int = 300, height: int = 100) -> Image.Image:
    """Noise on black at the right end, black elsewhere."""
    picture = Image.new("RGB", (width, height), "black")
    picture.paste(Image.effect_noise((height, height), 120).convert("RGB"), (width - height, 0))
    return picture


def test_letterboxing_keeps_the_shape_and_fills_with_grey() -> None:
    found = np.asarray(prepare_picture(Image.new("RGB", (300, 100), "red"), "letterbox", 90))
    assert found.shape == (90, 90, 3)
    assert (found[:30] == 128).all()
    assert (found[60:] == 128).all()
    assert (found[30:60] == (255, 0, 0)).all()


def test_cropping_finds_the_subject() -> None:
    found = np.asarray(prepare_picture(wide(), "crop", 100).convert("L"), dtype=float)
    assert found.shape == (100, 100)
    assert (found.std(axis=0) > 5).mean() > 0.7  # a crop at the middle would show none of it
    tall = prepare_picture(wide().rotate(90, expand=True), "crop", 64)
    assert tall.size == (64, 64)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (15, 40), (40, 40)])
def test_odd_shapes(size: tuple[int, int]) -> None:
    for how in ("stretch", "letterbox", "crop"):
        assert prepare_picture(Image.new("RGB", size), how, 32).size == (32, 32)


def test_a_stretched_picture_has_the_verdict_of_the_picture_itself() -> None:
    picture = Image.effect_noise((640, 333), 90).convert("RGB")
    with EntailmentReranker.from_pretrained("bundled", precision="fp32") as judge:
        plain = judge.score([(picture, "a red dress")])
        assert np.array_equal(
            plain, judge.score([(prepare_picture(picture, "stretch", judge.image_size), "a red dress")])
        )


def test_what_is_not_known_is_refused() -> None:
    assert check_preparation("crop") == "crop"
    with pytest.raises(InputError, match="letterbox"):
        check_preparation("squash")
