"""Files inside a compiled Qt resource (.rcc), format versions 1 to 3, without Qt.

Layout after qtbase src/tools/rcc: a header of big-endian offsets, a tree of fixed-size nodes, UTF-16 names,
and length-prefixed payloads that may be compressed with zlib.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

COMPRESSED, DIRECTORY, ZSTD = 1, 2, 4


def files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every file's path inside the resource and its bytes; zstd payloads are skipped."""
    blob = path.read_bytes()
    magic, version, tree, data, names = struct.unpack_from(">4sIIII", blob)
    if magic != b"qres":
        raise ValueError(f"{path}: not a compiled Qt resource")
    size = 22 if version >= 2 else 14

    def name_at(offset: int) -> str:
        (length,) = struct.unpack_from(">H", blob, names + offset)
        start = names + offset + 6
        return blob[start : start + 2 * length].decode("utf-16-be")

    def walk(node: int, prefix: str) -> Iterator[tuple[str, bytes]]:
        offset, flags, first, second = struct.unpack_from(">IHII", blob, tree + node * size)
        name = prefix + (name_at(offset) if node else "")
        if flags & DIRECTORY:
            for child in range(second, second + first):
                yield from walk(child, f"{name}/" if name else "")
        elif not flags & ZSTD:
            yield name, payload(second, bool(flags & COMPRESSED))

    def payload(offset: int, compressed: bool) -> bytes:
        (length,) = struct.unpack_from(">I", blob, data + offset)
        start = data + offset + 4
        raw = blob[start : start + length]
        return zlib.decompress(raw[4:]) if compressed else raw

    yield from walk(0, "")
