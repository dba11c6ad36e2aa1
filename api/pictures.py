"""Pictures in JSON bodies: data URIs, or ids of the collection's images."""

from __future__ import annotations

import binascii
from base64 import b64decode

from anyio.to_thread import run_sync
from PIL import Image

from api.decoding import Decoder
from api.errors import Problem

# No encoder looks at more: twice the side of the largest.
SIDE = 1_024


def from_data_uri(uri: str) -> bytes:
    """The bytes in a data URI; Problem 422 names the field ``image`` otherwise."""
    head, comma, payload = uri.partition(",")
    if not comma or not head.lower().startswith("data:") or not head.lower().endswith(";base64"):
        raise wrong_field("image", "must be a data URI (data:image/…;base64,…) or an image id; URLs are not fetched")
    try:
        return b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise wrong_field("image", "its base64 is damaged") from None


async def query_image(image: str | None, decoder: Decoder, side: int = SIDE) -> Image.Image | str | None:
    """What a search is to look for: a decoded picture, or the id of one of the collection."""
    if image is None or image.startswith("img_"):
        return image
    return await decoder.decode(await run_sync(from_data_uri, image), max_side=side, srgb=True)


def wrong_field(field: str, detail: str, place: str = "body") -> Problem:
    """A 422 that names one field."""
    return Problem(422, f"{field}: {detail}", errors=[{"field": field, "in": place, "detail": detail}])
