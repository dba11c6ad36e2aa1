"""Whatever mode, orientation, transparency or colour space a picture has: upright RGB on white."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageCms

# EXIF orientation to what turns the picture upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = frozenset({5, 6, 7, 8})
_ORIENTATION = 0x0112
_ALPHA = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_DEEP = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I", "F"})
_PROFILED = frozenset({"L", "RGB", "CMYK", "LAB"})  # modes that a colour transform reads
_LARGEST_PROFILE = 8 * 2**20


def upright_rgb(image: Image.Image, *, max_side: int | None = None, srgb: bool = False) -> Image.Image:
    """``image`` as upright RGB, transparent parts white.

    Args:
        srgb: whether its colour profile is followed.
        max_side: where the shorter side is at least twice as long, it is shrunk by a whole factor to no less.
    """
    orientation, profile = orientation_of(image), image.info.get("icc_profile") if srgb else None
    # Shrunk before anything else is done to every pixel: a hundred megapixels take long and much memory.
    image = _shrunk(_averageable(image), max_side)
    image = _in_srgb(_on_white(image), profile)
    turn = _UPRIGHT.get(orientation)
    return image if turn is None else image.transpose(turn)


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1..8; 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken metadata says nothing about the pixels
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _averageable(image: Image.Image) -> Image.Image:
    """The same picture in a mode of 8 bits a channel whose values may be averaged."""
    if image.mode in _DEEP:
        return _eight_bit(image)
    if image.mode == "La":
        return image.convert("LA")
    if image.mode in ("P", "PA") or "transparency" in image.info:
        return image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    if image.mode in _ALPHA or image.mode in _PROFILED:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;"):
        # Pillow cuts 16-bit values off at 255 when it converts them directly.
        return image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    _, high = image.getextrema()
    assert isinstance(high, int | float)
    # Whole numbers and floats come without a word about their range: the smallest usual one that holds them.
    top = next((top for top in (1.0, 255.0, 65535.0) if high <= top and (top > 1 or image.mode == "F")), high)
    return image.point(lambda value: value * (255 / top)).convert("L")


def _shrunk(image: Image.Image, max_side: int | None) -> Image.Image:
    factor = min(image.size) // max_side if max_side else 1
    return image.reduce(factor) if factor > 1 else image


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode not in _ALPHA:
        return image
    rgba = image.convert("RGBA")
    white = Image.new("RGB", rgba.size, (255, 255, 255))
    white.paste(rgba, mask=rgba.getchannel("A"))
    return white


def _in_srgb(image: Image.Image, profile: object) -> Image.Image:
    transform = None
    if image.mode == "LAB":
        transform = _transform(b"", "LAB")
    elif image.mode in _PROFILED and isinstance(profile, bytes) and 0 < len(profile) <= _LARGEST_PROFILE:
        transform = _transform(profile, image.mode)
    return image.convert("RGB") if transform is None else transform.apply(image)


@lru_cache(maxsize=8)  # a folder's pictures come from few cameras
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a colour profile to sRGB; None where there is nothing to do, or the profile is broken or of another mode."""
    try:
        if profile:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            if ImageCms.getProfileDescription(source).startswith("sRGB"):
                return None
        else:
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        return ImageCms.ImageCmsTransform(source, _srgb(), mode, "RGB", ImageCms.Intent.PERCEPTUAL)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
