"""A picture of four coloured quarters, whose pixels tell which way up it is and what became of its colours."""

from __future__ import annotations

import io
import struct

from PIL import Image

COLOURS = ((220, 40, 40), (40, 200, 60), (50, 60, 210), (230, 210, 50))
SIZE = (64, 48)
Colour = tuple[int, int, int]


def quarters(size: tuple[int, int] = SIZE) -> Image.Image:
    """Red, green, blue and yellow, from the upper left to the lower right."""
    image = Image.new("RGB", size)
    width, height = size[0] // 2, size[1] // 2
    for index, colour in enumerate(COLOURS):
        left, top = index % 2 * width, index // 2 * height
        image.paste(colour, (left, top, left + width, top + height))
    return image


def centres(image: Image.Image) -> list[Colour]:
    """The colours in the middle of the quarters."""
    places = [(x * image.width // 4, y * image.height // 4) for y in (1, 3) for x in (1, 3)]
    return [image.getpixel(place) for place in places]  # type: ignore[misc]


def differ(one: Image.Image, colours: tuple[Colour, ...] = COLOURS) -> int:
    """The largest difference of a channel from what the quarters should be."""
    pairs = zip(centres(one), colours, strict=True)
    return max(abs(a - b) for got, wanted in pairs for a, b in zip(got, wanted, strict=True))


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def matrix_profile(red: tuple[float, ...], green: tuple[float, ...], blue: tuple[float, ...], gamma: float) -> bytes:
    """An ICC profile (version 2) of a display with these primaries, as XYZ under D50, and one gamma."""
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"wtpt": _xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": _xyz(*red),
        b"gXYZ": _xyz(*green),
        b"bXYZ": _xyz(*blue),
        b"cprt": b"text" + bytes(4) + b"none\0",
        **{
            name: b"curv" + bytes(4) + struct.pack(">IHxx", 1, round(gamma * 256))
            for name in (b"rTRC", b"gTRC", b"bTRC")
        },
    }
    offset = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += name + struct.pack(">II", offset + len(data), len(value))
        data += value
    size = struct.pack(">I", offset + len(data))
    header = size + b"none" + b"\x02\x40\0\0" + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    return header + struct.pack(">iii", 63190, 65536, 54061) + bytes(128 - 80) + table + data


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">iii", *(round(value * 65536) for value in values))
