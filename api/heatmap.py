"""A heat map over the picture that it is of, as a PNG file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from rerank.errors import InputError
from rerank.explain import Regions

# Most of the picture stays visible under the hottest cell.
STRENGTH = 0.65
# No heat, some, most: from nothing over yellow to red.
COLOURS = np.array([(255, 255, 178), (253, 141, 60), (189, 0, 38)], dtype=np.float32)
SIDE = 1_024


def draw_heatmap(picture: Image.Image, regions: Regions) -> Image.Image:
    """The picture in grey, with the evidence laid over it in colour; its longer side is at most ``SIDE``."""
    picture = picture.convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    cells = Image.fromarray(np.asarray(regions.values * 255, dtype=np.uint8))
    heat = np.asarray(cells.resize(picture.size, Image.Resampling.BICUBIC), dtype=np.float32) / 255
    colours = np.stack([np.interp(heat, np.linspace(0, 1, len(COLOURS)), channel) for channel in COLOURS.T], axis=-1)
    grey = np.asarray(picture.convert("L").convert("RGB"), dtype=np.float32)
    share = STRENGTH * heat[..., None]
    return Image.fromarray(np.asarray(np.rint(grey * (1 - share) + colours * share), dtype=np.uint8))


def write_heatmap(path: Path, picture: Image.Image, regions: Regions) -> None:
    """Write ``draw_heatmap`` as a PNG file.

    Raises:
        InputError: it cannot be written there.
    """
    try:
        draw_heatmap(picture, regions).save(path, "PNG")
    except OSError as error:
        raise InputError(f"--heatmap {path}: cannot be written ({error.strerror or error})") from error
