"""The one decoder: upright RGB from anything, clear errors from the rest."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rerank.errors import ImageError, ImageTooLarge, InputError
from rerank.images import load_image


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_every_kind_of_source_gives_the_same_picture(tmp_path: Path) -> None:
    picture = Image.effect_mandelbrot((40, 30), (-2, -1.5, 1, 1.5), 20).convert("RGB")
    path = tmp_path / "päth.png"
    picture.save(path)
    for source in (picture, np.asarray(picture), encode(picture), path, str(path), np.asarray(picture) / 255.0):
        assert np.array_equal(np.asarray(load_image(source)), np.asarray(picture))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = Image.new("RGB", (4, 2), "white")
    upright.putpixel((0, 0), (255, 0, 0))
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(turn[orientation]) if orientation in turn else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    loaded = load_image(encode(stored, exif=exif))
    assert loaded.size == (4, 2)
    assert loaded.getpixel((0, 0)) == (255, 0, 0)


def test_transparency_is_laid_on_white() -> None:
    assert load_image(encode(Image.new("RGBA", (2, 2), (255, 0, 0, 0)))).getpixel((0, 0)) == (255, 255, 255)
    palette = Image.new("P", (2, 2), 0)
    assert load_image(encode(palette, transparency=0)).getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bit_grey_is_scaled_not_cut() -> None:
    grey = Image.fromarray(np.full((4, 4), 32768, dtype=np.uint16))
    assert load_image(encode(grey)).getpixel((0, 0)) in ((127,) * 3, (128,) * 3)


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert load_image(data).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"this is a text file that somebody renamed", "not an image in a format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image in a format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not an image in a format"),
    ],
)
def test_what_is_no_image_is_refused_with_a_reason(data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=rf"picture\.jpg: .*{reason}"):
        load_image(path)


def test_a_truncated_picture_is_refused(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    with pytest.raises(ImageError, match="damaged"):
        load_image(encode(noise, "JPEG")[:700])


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.png: does not exist"):
        load_image(tmp_path / "gone.png")
    with pytest.raises(ImageError, match="is not a file"):
        load_image(tmp_path)


def test_too_many_pixels_are_refused_before_decoding() -> None:
    with pytest.raises(ImageTooLarge, match="100×100"):
        load_image(encode(Image.new("RGB", (100, 100))), max_pixels=9_999)


@pytest.mark.parametrize("array", [np.zeros((4, 4, 2), np.uint8), np.zeros(4), np.zeros((4, 4, 3), np.int64)])
def test_odd_arrays_are_refused(array: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match="array must"):
        load_image(array)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_half_a_file_is_damage_in_every_format(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = encode(Image.fromarray(noise), kind)
    with pytest.raises(ImageError):
        load_image(data[: len(data) // 2])
