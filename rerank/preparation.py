"""Ways to make any picture the square that a model looks at."""

from __future__ import annotations

from typing import Any, Literal, get_args

from PIL import Image

from rerank.errors import InputError

Preparation = Literal["stretch", "letterbox", "crop"]
PREPARATIONS: tuple[Preparation, ...] = get_args(Preparation)
# The middle of the values' range, where a normalised pixel is zero: it is neither light nor dark to a model.
GREY = (128, 128, 128)
# Where the subject lies shows in a small copy as well; the time it takes to look grows with the pixels.
_LOOKED_AT = 320


def prepare_picture(image: Image.Image, how: Preparation, size: int) -> Image.Image:
    """An RGB picture as a square of ``size`` pixels.

    ``"stretch"`` ignores the aspect ratio, as OFA's own preparation does: a reranker given the result sees exactly
    what it would have made of ``image`` itself. ``"letterbox"`` keeps it and fills up with grey. ``"crop"`` cuts the
    square out in which most is to be seen (smartcrop).

    Raises:
        InputError: smartcrop is not installed.
    """
    if how == "letterbox":
        return _letterboxed(image, size)
    if how == "crop":
        image = _cropped(image)
    return image.resize((size, size), Image.Resampling.BICUBIC)


def check_preparation(how: str) -> Preparation:
    """``how``, if it can be done here.

    Raises:
        InputError: it is not known, or smartcrop is not installed.
    """
    for known in PREPARATIONS:
        if how == known:
            if known == "crop":
                _cropper()
            return known
    raise InputError(f"prepare: {how!r} is not one of {', '.join(PREPARATIONS)}")


def _letterboxed(image: Image.Image, size: int) -> Image.Image:
    scale = size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    square = Image.new("RGB", (size, size), GREY)
    square.paste(image.resize((width, height), Image.Resampling.BICUBIC), ((size - width) // 2, (size - height) // 2))
    return square


def _cropped(image: Image.Image) -> Image.Image:
    cropper = _cropper()
    side = min(image.size)
    if image.width == image.height or side < 16:
        return image
    scale = min(1.0, _LOOKED_AT / side)
    small = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    # The whole shorter side is kept: of what is cut off nothing can be told any more.
    found = cropper.crop(small, 100, 100, min_scale=1.0, max_scale=1.0)["top_crop"]
    left = min(round(found["x"] / scale), image.width - side)
    top = min(round(found["y"] / scale), image.height - side)
    return image.crop((left, top, left + side, top + side))


def _cropper() -> Any:
    try:
        from smartcrop import SmartCrop
    except ImportError:
        raise InputError("prepare: crop needs smartcrop; pip install 'veralens[crop]'") from None
    return SmartCrop()
