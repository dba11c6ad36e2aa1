"""Small files that take their decoders long, or much memory."""

from __future__ import annotations

import struct
import zlib

from PIL import Image

from tests.rerank.quarters import encode


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG that goes over its ``side`` × ``side`` pixels again and again."""
    data = encode(Image.new("RGB", (side, side), (90, 120, 200)), "JPEG", progressive=True, quality=50)
    start = data.rindex(b"\xff\xda")
    last = data[start:-2]
    return data[:start] + last * scans + data[-2:]


def flat_png(width: int, height: int) -> bytes:
    """A PNG of one colour: a few kilobytes, however many pixels."""
    packer, row = zlib.compressobj(9), bytes(1 + width * 3)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def claiming_png(width: int, height: int) -> bytes:
    """A PNG that claims to have so many pixels, and has none."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", b"") + _chunk(b"IEND", b"")


def many_texts(chunks: int) -> bytes:
    """A PNG with that many pieces of text in front of its one pixel."""
    data = encode(Image.new("RGB", (1, 1)))
    after_header = 8 + 25
    return data[:after_header] + _chunk(b"tEXt", b"k\0v") * chunks + data[after_header:]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
