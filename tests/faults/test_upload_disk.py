"""Uploads onto a full disk, and uploads that are killed midway."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image

from indexer import build_collection
from indexer.upload import Upload, add_upload, delete_image
from rerank.images import decode_image
from retrieval.collection import Collection
from retrieval.errors import CollectionError
from retrieval.verification import verify_collection
from tests.fakes import ColourEncoder
from tests.faults.kills import ROOT
from tests.pictures import paint_all
from tests.rerank.quarters import encode

ENCODER = ColourEncoder()


def upload_of(number: int, size: int = 64) -> Upload:
    """A picture of its own, noisy enough to take ``size`` × ``size`` × 3 bytes of disk."""
    noise = Image.frombytes("RGB", (size, size), bytes((number * 7 + 31 * place) % 251 for place in range(3 * size**2)))
    data = encode(noise, "BMP")
    return Upload(data, decode_image(data), "a caption", ("tag",))


def uploads_in(target: Path) -> list[str]:
    folder = target / "uploads"
    return sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []


def test_a_full_disk_leaves_nothing_half_written(small_disk: Path, tmp_path: Path) -> None:
    paint_all(tmp_path / "photos")
    target, entered, refused = small_disk / "photos.collection", 0, 0
    build_collection([tmp_path / "photos"], target, encoder=ENCODER)
    before = verify_collection(target)
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 400_000))
    with Collection.open(target) as reader:
        for number in range(60):
            try:
                add_upload(target, ENCODER, upload_of(number))
                entered += 1
            except CollectionError as error:
                refused += "full" in str(error) or "No space" in str(error)
        assert refused > 3
        reader.refresh()
        assert reader.info().images == before.checked["images"] + entered
    assert len(uploads_in(target)) == 2 * entered
    filler.unlink()
    assert verify_collection(target).sound
    again = add_upload(target, ENCODER, upload_of(59))
    assert again.created
    delete_image(target, again.id)
    assert len(uploads_in(target)) == 2 * entered
    assert verify_collection(target).sound


KILLED = """
import os, sys
from pathlib import Path
from tests.faults.test_upload_disk import ENCODER, add_upload, delete_image, upload_of
for number in range(1000):
    done = add_upload(Path(sys.argv[1]), ENCODER, upload_of(number, 16))
    print("+", done.id, flush=True)
    if number % 3 == 0:
        delete_image(Path(sys.argv[1]), done.id)
        print("-", done.id, flush=True)
"""


def test_killed_anywhere_what_was_acknowledged_is_there(tmp_path: Path) -> None:
    paint_all(tmp_path / "photos")
    target = tmp_path / "photos.collection"
    build_collection([tmp_path / "photos"], target, encoder=ENCODER)
    for lines in (3, 8, 14):
        kept: set[str] = set()
        command = [sys.executable, "-c", KILLED, str(target)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
            assert process.stdout is not None
            for _ in range(lines):
                sign, image_id = process.stdout.readline().split()
                kept = kept | {image_id} if sign == "+" else kept - {image_id}
            process.kill()
            rest = process.stdout.read().split("\n")
        for line in rest:
            if line.startswith(("+ img_", "- img_")) and len(line) == 26:
                kept = kept | {line[2:]} if line[0] == "+" else kept - {line[2:]}
        assert verify_collection(target).problems == ()
        build_collection([tmp_path / "photos"], target, encoder=ENCODER)
        with Collection.open(target) as reader:
            assert kept <= set(reader.images(sorted(kept)))
            for image_id in kept:
                assert reader.file(image_id).is_file()
        assert verify_collection(target).sound
