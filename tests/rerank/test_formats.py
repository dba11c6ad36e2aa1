"""Every format and mode gives the picture that a person sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from rerank.errors import ImageError, ImageTooLarge
from rerank.images import MAX_PIXELS, decode_image, load_image
from tests.rerank.quarters import COLOURS, SIZE, differ, encode, matrix_profile, quarters

HEIC = Path(__file__).parent.parent / "data" / "heic"
WHITE = (255, 255, 255)
# Display P3's primaries under D50: what iPhones' pictures are in.
P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("PPM", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "jpeg", "quality": 95}, 3),
        ("JPEG", {"quality": 95, "subsampling": 0}, 3),
        ("JPEG", {"quality": 95, "progressive": True}, 3),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 6),
        ("AVIF", {"quality": 95, "subsampling": "4:4:4"}, 4),
        ("JPEG2000", {}, 0),
        ("ICO", {"sizes": [SIZE]}, 0),
    ],
)
def test_every_format(kind: str, options: dict[str, object], tolerance: int) -> None:
    decoded = decode_image(encode(quarters(), kind, **options))
    assert differ(decoded.image) <= tolerance
    assert (decoded.image.size, decoded.width, decoded.height, decoded.format) == (SIZE, *SIZE, kind)


@pytest.mark.parametrize("name", ["plain", "turned", "ten-bit"])
def test_heic(name: str) -> None:
    decoded = decode_image((HEIC / f"{name}.heic").read_bytes())
    assert differ(decoded.image) <= 4
    assert (decoded.width, decoded.height, decoded.format) == (*SIZE, "HEIF")


def test_transparent_heic_is_laid_on_white() -> None:
    assert differ(load_image(HEIC / "alpha.heic"), (*COLOURS[:3], WHITE)) <= 4


def test_damaged_heic() -> None:
    data = (HEIC / "plain.heic").read_bytes()
    for cut in (20, 300, len(data) - 30):
        with pytest.raises(ImageError):
            load_image(data[:cut])


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_the_first_of_several_frames(kind: str) -> None:
    other = Image.new("RGB", SIZE, "black")
    lossless = {"lossless": True} if kind == "WEBP" else {}
    data = encode(quarters(), kind, save_all=True, append_images=[other, other], **lossless)
    assert differ(load_image(data)) <= 2  # a GIF's palette is one of 256 colours


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF", "GIF"])
def test_what_is_transparent_is_white(kind: str) -> None:
    image = quarters().convert("RGBA")
    image.paste((10, 20, 30, 0), (SIZE[0] // 2, SIZE[1] // 2, *SIZE))
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}.get(kind, {})
    assert differ(load_image(encode(image, kind, **options)), (*COLOURS[:3], WHITE)) <= 3


def test_half_transparent_is_half_white() -> None:
    image = Image.new("RGBA", SIZE, (200, 0, 100, 128))
    assert load_image(encode(image)).getpixel((5, 5)) == pytest.approx((227, 127, 177), abs=1)
    grey = Image.new("LA", SIZE, (100, 0))
    assert load_image(encode(grey)).getpixel((5, 5)) == WHITE


def test_transparent_edges_do_not_bleed_when_shrunk() -> None:
    image = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 201, 400))
    shrunk = load_image(encode(image), max_side=100)
    # A cell that is a quarter red and three quarters transparent: red on white, not darkened by the hidden black.
    assert shrunk.getpixel((50, 50)) == pytest.approx((255, 191, 191), abs=2)


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_grey_bilevel_and_palette(mode: str) -> None:
    image = Image.new("L", SIZE, 0)
    image.paste(255, (0, 0, SIZE[0] // 2, SIZE[1]))
    loaded = load_image(encode(image.convert(mode)))
    assert (loaded.getpixel((2, 2)), loaded.getpixel((SIZE[0] - 2, 2))) == (WHITE, (0, 0, 0))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits(kind: str) -> None:
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (8, 1))
    loaded = np.asarray(load_image(encode(Image.fromarray(ramp), kind)))[0, :, 0]
    assert np.abs(loaded.astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize(("top", "kind"), [(1.0, "float32"), (255.0, "float32"), (900.0, "float32"), (65535, "int32")])
def test_floats_and_long_integers_fill_the_range(top: float, kind: str) -> None:
    ramp = np.tile(np.linspace(0, top, 256), (8, 1)).astype(kind)
    loaded = np.asarray(load_image(encode(Image.fromarray(ramp), "TIFF")))[0, :, 0].astype(int)
    assert (loaded[0], loaded[-1]) == (0, 255 if top != 900.0 else 3)
    assert (np.diff(loaded) >= 0).all()


def test_cmyk_without_a_profile() -> None:
    loaded = load_image(encode(quarters().convert("CMYK"), "JPEG", quality=95))
    assert differ(loaded) <= 4


def test_rare_modes() -> None:
    assert differ(load_image(encode(quarters().convert("YCbCr"), "TIFF"))) <= 3
    lab = ImageCms.profileToProfile(
        quarters(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    assert differ(load_image(lab)) <= 8


def _to_p3(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """The same colour in Display P3's primaries with gamma 2.2, by the definition of both spaces."""
    scaled = np.array(colour) / 255
    linear = np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)
    srgb = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
    within = np.linalg.solve(np.array(P3).T, srgb @ linear)
    return tuple(round(255 * float(value) ** (1 / 2.2)) for value in np.clip(within, 0, 1))  # type: ignore[return-value]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_colour_profiles_are_followed(kind: str) -> None:
    stored = quarters()
    for colour in COLOURS:
        mask = Image.fromarray((np.asarray(stored) == colour).all(axis=2))
        stored.paste(_to_p3(colour), mask=mask)
    options = {
        "JPEG": {"quality": 98, "subsampling": 0},
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 98, "subsampling": "4:4:4"},
    }
    data = encode(stored, kind, icc_profile=matrix_profile(*P3, gamma=2.2), **options.get(kind, {}))
    # Saturated colours move far for one step of a codec's rounding.
    assert differ(load_image(data, srgb=True)) <= (12 if kind == "AVIF" else 4)
    assert differ(load_image(data)) > 15  # as it is stored


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 200, matrix_profile(*P3, gamma=2.2)[:150]])
def test_broken_colour_profiles_are_passed_over(profile: bytes) -> None:
    assert differ(load_image(encode(quarters(), icc_profile=profile), srgb=True)) == 0
    grey = encode(quarters().convert("L"), icc_profile=matrix_profile(*P3, gamma=2.2))
    assert load_image(grey, srgb=True).getpixel((5, 5)) == (quarters().convert("L").getpixel((5, 5)),) * 3


def test_srgb_profile_changes_no_pixel() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert differ(load_image(encode(quarters(), icc_profile=profile), srgb=True)) == 0


def test_large_pictures_are_shrunk_on_the_way_but_say_their_size() -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        decoded = decode_image(encode(quarters((1600, 1200)), kind), max_side=100)
        assert decoded.image.size in ((134, 100), (133, 100), (146, 110), (200, 150))
        assert min(decoded.image.size) >= 100
        assert (decoded.width, decoded.height) == (1600, 1200)
        assert differ(decoded.image) <= 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_shrunk_pictures_are_upright_too(orientation: int) -> None:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = quarters((640, 480))
    stored = upright.transpose(turns[orientation]) if orientation in turns else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        decoded = decode_image(encode(stored, kind, exif=exif), max_side=100)
        assert differ(decoded.image) <= 6
        assert (decoded.width, decoded.height) == (640, 480)


def test_broken_metadata_is_passed_over() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12\0\x03" * 3
    assert differ(load_image(encode(quarters(), "JPEG", quality=95, subsampling=0, exif=exif))) <= 3


def test_a_photo_of_more_pixels_than_allowed_is_read_at_a_fraction() -> None:
    data = encode(quarters((800, 600)), "JPEG", quality=95)
    decoded = decode_image(data, max_pixels=400_000)
    assert (decoded.image.size, decoded.width, decoded.height) == ((400, 300), 800, 600)
    with pytest.raises(ImageTooLarge, match="800×600"):
        decode_image(data, max_pixels=100_000)


def test_a_few_bytes_that_claim_to_be_huge() -> None:
    bomb = encode(Image.new("1", (20_000, 6_000)))
    assert len(bomb) < 100_000
    with pytest.raises(ImageTooLarge, match=f"{MAX_PIXELS:,}"):
        load_image(bomb)
