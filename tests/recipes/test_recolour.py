"""A thing of one hue takes another colour; what has no one hue is left alone."""

from __future__ import annotations

import numpy as np
from PIL import Image

from recipes.recolour import dominant, recoloured


def test_a_red_disc_on_white_turns_blue_and_the_white_stays() -> None:
    image = Image.new("RGB", (40, 40), "white")
    image.paste((200, 20, 20), (10, 10, 30, 30))
    hsv = np.asarray(image.convert("HSV"), np.float32)
    visible = np.zeros((40, 40), bool)
    visible[10:30, 10:30] = True
    found = dominant(hsv, visible)
    assert found is not None
    blue = recoloured(hsv, *found, "blue")
    red, _, shade = blue.getpixel((20, 20))  # type: ignore[misc]
    assert shade > 150 > 100 > red
    assert blue.getpixel((2, 2)) == (255, 255, 255)


def test_many_hues_are_left_alone() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    hsv = np.asarray(Image.fromarray(noise).convert("HSV"), np.float32)
    assert dominant(hsv, np.ones((40, 40), bool)) is None
