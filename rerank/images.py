"""The one safe decoder: whatever holds an image becomes upright RGB, or a clear error."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from rerank.errors import ImageError, ImageTooLarge, InputError
from rerank.pixels import SIDEWAYS, orientation_of, upright_rgb

if TYPE_CHECKING:
    from rerank.types import ImageSource

MAX_PIXELS = 100_000_000
# A JPEG can be decoded at a half to an eighth of its size, so one of more pixels than allowed may still be read;
# its data are read through all the same, hence not any number.
JPEG_EXCESS = 4
# What Pillow can read but nobody keeps pictures in, or that runs other programs (EPS), stays shut.
FORMATS = frozenset(
    {"JPEG", "MPO", "PNG", "WEBP", "GIF", "TIFF", "BMP", "DIB", "AVIF", "HEIF", "PPM", "ICO", "JPEG2000"}
)
# Their plugins: loading all of Pillow's takes longer than decoding a picture.
_PLUGINS = ("Jpeg", "Mpo", "Png", "WebP", "Gif", "Tiff", "Bmp", "Avif", "Ppm", "Ico", "Jpeg2K")
# What Pillow's plugins raise on damaged files; AVIF's a bare RuntimeError.
DAMAGE = (
    *(OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, ArithmeticError, AttributeError),
    *(MemoryError, RuntimeError, AssertionError, struct.error, zlib.error),
)
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"RIFF", b"II*\0", b"MM\0*", b"BM")
_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")  # of AVIF and HEIC; films are of others
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".dib"}
    | {".avif", ".heic", ".heif", ".hif", ".ppm", ".pgm", ".pbm", ".pnm", ".ico", ".jp2", ".j2k"}
)


@dataclass(frozen=True)
class DecodedImage:
    """An upright RGB image, perhaps shrunk, and what its file says: upright width and height in pixels, format."""

    image: Image.Image
    width: int
    height: int
    format: str


def load_image(
    source: ImageSource, *, max_pixels: int = MAX_PIXELS, max_side: int | None = None, srgb: bool = False
) -> Image.Image:
    """``source`` as an upright RGB image: EXIF orientation applied, alpha laid on white, first frame.

    Args:
        source: a Pillow image, an array (height, width[, 1, 3 or 4]) of uint8 or of floats 0..1, the
            bytes of an image file, or a path.
        max_pixels: more raise ImageTooLarge before anything is decoded. JPEGs of up to four times as many
            are decoded at a fraction of their size.
        max_side: a hint that no side need be longer; the shorter side stays at least as long, where it was.
        srgb: bring colours from the file's profile to sRGB, as people should see them. The reference of the
            rerank models takes the values as they are stored.

    Raises:
        ImageError: what is wrong, and the path where there is one.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return decode_image(bytes(source), max_pixels=max_pixels, max_side=max_side, srgb=srgb).image
    if isinstance(source, Image.Image):
        return _opened(source, max_pixels, max_side, srgb)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        name = os.fsencode(path).decode("utf-8", "backslashreplace")
        return decode_image(_read(path, name), name=name, max_pixels=max_pixels, max_side=max_side, srgb=srgb).image
    return _opened(_from_array(source), max_pixels, max_side, srgb)


def decode_image(
    data: bytes,
    *,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
    max_side: int | None = None,
    srgb: bool = False,
    before: Callable[[int], None] | None = None,
) -> DecodedImage:
    """The bytes of an image file as ``load_image`` has them, with what the file says of itself.

    Args:
        name: how errors call the file.
        before: called with the number of pixels that are about to be decoded.

    Raises:
        ImageError: what is wrong with it.
    """
    if not data:
        raise ImageError("is empty (0 bytes)", name)
    try:
        with Image.open(io.BytesIO(data), formats=_formats(data)) as image:
            full_size = _scale_on_load(image, name, max_pixels, max_side)
            if before is not None:
                # Of a progressive JPEG every coefficient is held, whatever it is scaled to.
                full_width, full_height = full_size or image.size
                before(max(image.width * image.height, full_width * full_height // JPEG_EXCESS))
            image.load()
            _check_size(image, name, max_pixels)  # some formats know their true size only now
            width, height = full_size or image.size
            if orientation_of(image) in SIDEWAYS:
                width, height = height, width
            kind = "JPEG" if image.format == "MPO" else image.format or ""
            return DecodedImage(upright_rgb(image, max_side=max_side, srgb=srgb), width, height, kind)
    except UnidentifiedImageError:
        raise ImageError(_unidentified(data), name) from None
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageTooLarge(f"has far more than {max_pixels:,} pixels", name) from None
    except DAMAGE as error:
        raise ImageError(damage(error), name) from error


def damage(error: BaseException) -> str:
    """What is wrong with a file, by what its decoder raised."""
    if isinstance(error, MemoryError):
        return "needs more memory to decode than is allowed"
    return f"is damaged ({str(error) or type(error).__name__})"


def _unidentified(data: bytes) -> str:
    if data.startswith(_SIGNATURES) or (data[4:8] == b"ftyp" and data[8:12] in _BRANDS):
        return "is damaged (its header cannot be read)"
    return "is not an image in a format that is read here"


def _scale_on_load(
    image: Image.Image, name: str | None, max_pixels: int, max_side: int | None
) -> tuple[int, int] | None:
    """Have a JPEG decoded at a fraction of its size if that will do; its full size comes back then, else None."""
    width, height = image.size
    if image.format not in ("JPEG", "MPO"):
        _check_size(image, name, max_pixels)
        return None
    if width * height > JPEG_EXCESS * max_pixels:
        raise ImageTooLarge(f"has {width}×{height} pixels, more than {JPEG_EXCESS * max_pixels:,}", name)
    enough = min(width, height) // max_side if max_side else 1
    scale = next(
        (scale for scale in (1, 2, 4) if 2 * scale > enough and width * height <= max_pixels * scale**2),
        8,
    )
    image.draft(None, (max(1, width // scale), max(1, height // scale)))
    return width, height


def _check_size(image: Image.Image, name: str | None, max_pixels: int) -> None:
    if image.width == 0 or image.height == 0:
        raise ImageError("has no pixels", name)
    if image.width * image.height > max_pixels:
        raise ImageTooLarge(f"has {image.width}×{image.height} pixels, more than {max_pixels:,}", name)


def _opened(image: Image.Image, max_pixels: int, max_side: int | None, srgb: bool) -> Image.Image:
    _check_size(image, None, max_pixels)
    try:
        image.load()  # what is opened from a file has only its header yet
        return upright_rgb(image, max_side=max_side, srgb=srgb)
    except DAMAGE as error:
        raise ImageError(damage(error)) from error


@cache
def load_decoders() -> tuple[str, ...]:
    """Load what decodes images, HEIC apart; the names of the formats come back."""
    for plugin in _PLUGINS:
        with suppress(ImportError):
            import_module(f"PIL.{plugin}ImagePlugin")
    # Once and for good: `warnings.catch_warnings` around each decode is not safe among threads. What Pillow
    # only warns of (odd EXIF, many pixels) either decodes all the same or fails below with a reason.
    warnings.filterwarnings("ignore", module="PIL")
    return tuple(sorted(FORMATS & Image.OPEN.keys()))


@cache
def _heif_decoder() -> tuple[str, ...]:
    with suppress(ImportError):  # it is not built for every platform
        import pi_heif

        # Pictures that lie beside the main one (thumbnails, depth) are not looked at.
        pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return tuple({"HEIF"} & Image.OPEN.keys())


def _formats(data: bytes) -> tuple[str, ...]:
    """The formats that ``data`` may be of; HEIC's decoder is loaded for the first file that looks like one."""
    return load_decoders() + (_heif_decoder() if data[4:8] == b"ftyp" else ())


def _read(path: Path, name: str) -> bytes:
    try:
        if not path.is_file():
            raise ImageError("is not a file" if path.exists() else "does not exist", name)
        return path.read_bytes()
    except OSError as error:
        raise ImageError(error.strerror or str(error), name) from error


def _from_array(array: object) -> Image.Image:
    import numpy as np  # here, so that who decodes files alone does without

    if not isinstance(array, np.ndarray):
        raise InputError(f"an image must be a Pillow image, array, bytes or path, not {type(array).__name__}")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise InputError(f"an image array must have shape (height, width[, 1, 3 or 4]), not {array.shape}")
    if np.issubdtype(array.dtype, np.floating):
        array = (np.clip(np.nan_to_num(array), 0.0, 1.0) * 255.0).round()
    elif array.dtype != np.uint8:
        raise InputError(f"an image array must be uint8 or floats in 0..1, not {array.dtype}")
    return Image.fromarray(np.ascontiguousarray(array, dtype=np.uint8))
