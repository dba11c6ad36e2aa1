"""Thirty-five kinds of files that look like pictures by their names and are none that can be read."""

from __future__ import annotations

import gzip
import io
import os
import random
import socket
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from tests.rerank.bombs import claiming_png, flat_png, many_scans
from tests.rerank.quarters import encode

HEIC = Path(__file__).parent.parent / "data" / "heic" / "plain.heic"
Make = Callable[[Path, int], Path]


def bad_files(folder: Path, count: int) -> Iterator[tuple[str, Path]]:
    """Make ``count`` files in ``folder``, of all kinds in turn: (kind, path) of each."""
    folder.mkdir(parents=True)
    kinds = list(KINDS.items())
    for number in range(count):
        name, make = kinds[number % len(kinds)]
        yield name, make(folder, number)


def noise(number: int, side: int = 64) -> Image.Image:
    """A picture that does not compress, another one for each number."""
    return Image.frombytes("RGB", (side, side), random.Random(number).randbytes(side * side * 3))


def _holding(suffix: str, content: Callable[[int], bytes]) -> Make:
    def make(folder: Path, number: int) -> Path:
        path = folder / f"{number:05}{suffix}"
        path.write_bytes(content(number))
        return path

    return make


def _half(kind: str) -> Make:
    def content(number: int) -> bytes:
        data = encode(noise(number), kind)
        return data[: len(data) // 2]

    return _holding(f".{kind.lower().replace('jpeg2000', 'jp2')}", content)


def _overwritten(start: int, length: int) -> Make:
    def content(number: int) -> bytes:
        data = bytearray(encode(noise(number)))
        data[start : start + length] = random.Random(number).randbytes(length)
        return bytes(data)

    return _holding(".png", content)


def _zipped(number: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("photo.jpg", encode(noise(number), "JPEG"))
    return buffer.getvalue()


def _resized_header(data: bytes, offset: int, form: str, *size: int) -> bytes:
    return data[:offset] + struct.pack(form, *size) + data[offset + struct.calcsize(form) :]


def _looping_tiff(_: int) -> bytes:
    # Its first directory lies behind the end of the file, its second is the first.
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 0xFFFF) + struct.pack("<I", 8)


def _fifo(folder: Path, number: int) -> Path:
    path = folder / f"{number:05}.png"
    os.mkfifo(path)
    return path


def _link(target: str) -> Make:
    def make(folder: Path, number: int) -> Path:
        path = folder / f"{number:05}.jpg"
        path.symlink_to(target.format(name=path.name))
        return path

    return make


def _looping_folder(folder: Path, number: int) -> Path:
    path = folder / f"{number:05}"
    path.symlink_to(folder.parent)
    return path


def _socket(folder: Path, number: int) -> Path:
    path = folder / f"{number:05}.png"
    # The name of a socket is short, and the folder's may be long.
    here = os.open(folder, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)
    return path


def _unreadable(folder: Path, number: int) -> Path:
    path = folder / f"{number:05}.png"
    if os.geteuid() == 0:  # who may read everything
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    else:
        path.write_bytes(encode(noise(number)))
        path.chmod(0)
    return path


def _sparse(folder: Path, number: int) -> Path:
    path = folder / f"{number:05}.tif"
    path.touch()
    os.truncate(path, 300 * 2**20)
    return path


def _named(name: bytes) -> Make:
    def make(folder: Path, number: int) -> Path:
        path = Path(os.fsdecode(os.fsencode(folder) + b"/%05d" % number + name))
        path.write_bytes(b"words")
        return path

    return make


KINDS: dict[str, Make] = {
    "empty": _holding(".jpg", lambda _: b""),
    "half a JPEG": _half("JPEG"),
    "half a PNG": _half("PNG"),
    "half a WebP": _half("WEBP"),
    "half a GIF": _half("GIF"),
    "half a TIFF": _half("TIFF"),
    "half a BMP": _half("BMP"),
    "half an AVIF": _half("AVIF"),
    "half a JPEG 2000": _half("JPEG2000"),
    "half a HEIC": _holding(".heic", lambda _: HEIC.read_bytes()[:400]),
    "the beginning of a JPEG": _holding(".jpg", lambda number: encode(noise(number), "JPEG")[:20]),
    "a PNG's signature": _holding(".png", lambda _: b"\x89PNG\r\n\x1a\n"),
    "a PNG with broken chunks": _overwritten(8, 60),
    "a PNG with broken pixels": _overwritten(200, 2_000),
    "a PNG without width": _holding(".png", lambda _: claiming_png(0, 9)),
    "HTML": _holding(".jpg", lambda _: b"<!doctype html><title>404</title>"),
    "SVG": _holding(".png", lambda _: b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"),
    "EPS": _holding(".jpg", lambda number: encode(noise(number), "EPS")),
    "PDF": _holding(".jpg", lambda number: encode(noise(number), "PDF")),
    "PCX": _holding(".png", lambda number: encode(noise(number), "PCX")),
    "zip": _holding(".jpg", _zipped),
    "a zipped JPEG": _holding(".jpg", lambda number: gzip.compress(encode(noise(number), "JPEG"))),
    "film": _holding(".jpg", lambda _: struct.pack(">I", 24) + b"ftypisom\0\0\2\0isommp41" + bytes(900)),
    "random bytes": _holding(".webp", lambda number: random.Random(number).randbytes(9_000)),
    "zeros": _holding(".jpg", lambda _: bytes(9_000)),
    "a PNG of 400 megapixels": _holding(".png", lambda _: claiming_png(20_000, 20_000)),
    "a BMP of 4 gigapixels": _holding(
        ".bmp", lambda number: _resized_header(encode(noise(number), "BMP"), 18, "<ii", 65_000, 65_000)
    ),
    "a PNG that unpacks to 300 MB": _holding(".png", lambda _: FLAT),
    "a JPEG that takes minutes": _holding(".jpg", lambda _: SLOW),
    "a TIFF that runs in a circle": _holding(".tif", _looping_tiff),
    "a pipe": _fifo,
    "a socket": _socket,
    "unreadable": _unreadable,
    "300 MB of nothing": _sparse,
    "a link to itself": _link("{name}"),
    "a link to nothing": _link("nowhere/at/all.jpg"),
    "a link out of the folder": _link("/etc/hostname"),
    "a folder that is its own": _looping_folder,
    "a name that is not UTF-8": _named(b"\xff\xfe.jpg"),
    "a name of control characters": _named(b"\n\t\x1b[31m.gif"),
}
SLOW = many_scans(3000, 2_000)
FLAT = flat_png(10_001, 10_001)
