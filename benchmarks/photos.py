"""Files like a camera's: structure at every scale, as JPEG, each with bytes of its own."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.progress import say

CAMERA = (4000, 3000)  # 2 MB each
SMALL = (640, 480)  # 70 KB each
SCENES = 12
FOLDER = 50  # files in each


def photo_folders(cache: Path, count: int, size: tuple[int, int] = CAMERA) -> list[Path]:
    """Folders that hold ``count`` photos of ``size`` together, made where they are not there yet."""
    scenes: list[bytes] = []
    folders = []
    for start in range(0, count, FOLDER):
        last = min(FOLDER, count - start)
        folder = cache / f"photos-{size[0]}" / f"{start:06}-{last}"
        folders.append(folder)
        if folder.is_dir():
            continue
        say(f"making photos: {start} of {count}")
        scenes = scenes or [_scene(number, size) for number in range(SCENES)]
        unfinished = folder.with_suffix(".unfinished")
        unfinished.mkdir(parents=True, exist_ok=True)
        for number in range(start, start + last):
            (unfinished / f"{number:06}.jpg").write_bytes(_named(scenes[number % SCENES], number))
        unfinished.rename(folder)
    return folders


def _named(photo: bytes, number: int) -> bytes:
    """The same picture with another comment: another file to a hash, the same work to a decoder."""
    comment = f"photo {number}".encode()
    return photo[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + photo[2:]


def _scene(number: int, size: tuple[int, int]) -> bytes:
    """Noise of all scales, the coarse ones strongest, as in photographs."""
    chosen = np.random.default_rng(number)
    total = np.zeros((size[1], size[0], 3), dtype=np.float32)
    for cells, weight in ((4, 90.0), (16, 45.0), (64, 25.0), (256, 14.0), (1024, 8.0)):
        coarse = chosen.normal(0, weight, (cells * 3 // 4, cells, 3)).clip(-127, 127) + 128
        image = Image.fromarray(coarse.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
        total += np.asarray(image, dtype=np.float32) - 128
    total += chosen.normal(0, 3.0, (*total.shape[:2], 1))
    buffer = io.BytesIO()
    Image.fromarray((total + 128).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
