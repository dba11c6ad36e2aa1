"""The one safe decoder: whatever holds an image becomes upright RGB, or a clear error."""

from __future__ import annotations

import io
import os
import warnings
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from rerank.errors import ImageError, ImageTooLarge, InputError
from rerank.types import ImageSource

MAX_PIXELS = 100_000_000
# What Pillow can read but nobody keeps pictures in, or that runs other programs (EPS), stays shut.
FORMATS = frozenset({"JPEG", "MPO", "PNG", "WEBP", "GIF", "TIFF", "BMP", "DIB", "AVIF", "PPM", "ICO", "JPEG2000"})
# What Pillow's plugins raise on damaged files; AVIF's a bare RuntimeError.
DAMAGE = (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, MemoryError, OverflowError, RuntimeError)
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif"}
    | {".ppm", ".pgm", ".pbm", ".ico", ".jp2"}
)


def load_image(source: ImageSource, *, max_pixels: int = MAX_PIXELS, max_side: int | None = None) -> Image.Image:
    """``source`` as an upright RGB image: EXIF orientation applied, alpha laid on white, first frame.

    Args:
        source: a Pillow image, an array (height, width[, 1, 3 or 4]) of uint8 or of floats 0..1, the
            bytes of an image file, or a path.
        max_pixels: more raise ImageTooLarge before anything is decoded.
        max_side: a hint that no side need be longer; large JPEGs are then decoded at a fraction of their size.

    Raises:
        ImageError: what is wrong, and the path where there is one.
    """
    if isinstance(source, Image.Image):
        return _opened(source, max_pixels)
    if isinstance(source, np.ndarray):
        return _upright_rgb(_from_array(source), None, max_pixels)
    if isinstance(source, bytes | bytearray | memoryview):
        return _decode(bytes(source), None, max_pixels, max_side)
    if not isinstance(source, str | os.PathLike):
        raise InputError(f"an image must be a Pillow image, array, bytes or path, not {type(source).__name__}")
    path = Path(source)
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    try:
        if not path.is_file():
            raise ImageError("is not a file" if path.exists() else "does not exist", name)
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(error.strerror or str(error), name) from error
    return _decode(data, name, max_pixels, max_side)


def _opened(image: Image.Image, max_pixels: int) -> Image.Image:
    try:
        # Pillow reads a file's pixels when they are first asked for.
        return _upright_rgb(image, None, max_pixels)
    except DAMAGE as error:
        raise ImageError(f"is damaged ({str(error) or type(error).__name__})") from error


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    # Once and for good: `warnings.catch_warnings` around each decode is not safe among threads. What Pillow
    # only warns of (odd EXIF, many pixels) either decodes all the same or fails below with a reason.
    warnings.filterwarnings("ignore", module="PIL")
    return tuple(sorted(FORMATS & Image.OPEN.keys()))


def _decode(data: bytes, name: str | None, max_pixels: int, max_side: int | None) -> Image.Image:
    if not data:
        raise ImageError("is empty (0 bytes)", name)
    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as image:
            if image.width * image.height > max_pixels:
                raise ImageTooLarge(f"has {image.width}×{image.height} pixels, more than {max_pixels:,}", name)
            if max_side is not None and image.format == "JPEG":
                image.draft("RGB", (max_side, max_side))
            image.load()
            return _upright_rgb(image, name, max_pixels)
    except UnidentifiedImageError:
        raise ImageError("is not an image in a format that is read here", name) from None
    except ImageError:
        raise
    except DAMAGE as error:
        raise ImageError(f"is damaged ({str(error) or type(error).__name__})", name) from error
    except Image.DecompressionBombError:
        raise ImageTooLarge(f"has far more than {max_pixels:,} pixels", name) from None


def _upright_rgb(image: Image.Image, name: str | None, max_pixels: int) -> Image.Image:
    if image.width == 0 or image.height == 0:
        raise ImageError("has no pixels", name)
    if image.width * image.height > max_pixels:
        raise ImageTooLarge(f"has {image.width}×{image.height} pixels, more than {max_pixels:,}", name)
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        image = _eight_bit(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image, dtype=np.float32)
    top = 65535.0 if image.mode.startswith("I") else 1.0
    if values.max(initial=0.0) <= 255.0 and image.mode in ("I", "F"):
        top = 255.0 if values.max(initial=0.0) > 1.0 else 1.0
    return Image.fromarray(np.clip(values / top * 255.0, 0, 255).astype(np.uint8))


def _from_array(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise InputError(f"an image array must have shape (height, width[, 1, 3 or 4]), not {array.shape}")
    if np.issubdtype(array.dtype, np.floating):
        array = (np.clip(np.nan_to_num(array), 0.0, 1.0) * 255.0).round()
    elif array.dtype != np.uint8:
        raise InputError(f"an image array must be uint8 or floats in 0..1, not {array.dtype}")
    return Image.fromarray(np.ascontiguousarray(array, dtype=np.uint8))
