"""Reading files out of a compiled Qt resource, on one made by hand after the format."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from recipes.qt_resources import files


def make_resource(name: str, content: bytes, *, compressed: bool) -> bytes:
    """A version 1 resource that holds one file."""
    stored = struct.pack(">I", len(content)) + zlib.compress(content) if compressed else content
    data = struct.pack(">I", len(stored)) + stored
    names = struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    root = struct.pack(">IHII", 0, 2, 1, 1)
    leaf = struct.pack(">IHHHI", 0, 1 if compressed else 0, 0, 0, 0)
    header = 20
    places = (1, header + len(data) + len(names), header, header + len(data))
    return struct.pack(">4sIIII", b"qres", *places) + data + names + root + leaf


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_comes_out_as_it_went_in(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "one.rcc"
    path.write_bytes(make_resource("duck.webp", b"quack" * 50, compressed=compressed))
    assert list(files(path)) == [("duck.webp", b"quack" * 50)]


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.rcc"
    path.write_bytes(b"RIFF" + bytes(40))
    with pytest.raises(ValueError, match="not a compiled Qt resource"):
        list(files(path))
