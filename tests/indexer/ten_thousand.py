"""Ten thousand files, seven hundred of them bad: everything else is found, every bad one is listed with its reason.

``python -m tests.indexer.ten_thousand`` makes them in a temporary folder, indexes them, and checks; a smaller
one is among the tests.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from indexer import IndexReport, build_collection
from rerank.decoding.pool import DecoderPool
from retrieval.catalog import display_text
from retrieval.collection import Collection
from retrieval.types import Encoder
from tests.indexer.bad_files import KINDS, bad_files
from tests.rerank.quarters import encode

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
SUFFIXES = (".png", ".jpg", ".JPG", ".webp", ".gif", ".tif", ".bmp", ".jpeg")
MODES = ("RGB", "RGBA", "L", "P", "CMYK", "1")


@dataclass(frozen=True)
class Made:
    """What was made: ids of the good pictures, and the kind of each bad file by its path as it is shown."""

    good: frozenset[str]
    bad: dict[str, str]


def make(folder: Path, good: int, bad: int) -> Made:
    """Fill ``folder``. A good picture may have any name, mode and format."""
    ids = set()
    for number in range(good):
        data = encode(*picture(number))
        path = folder / f"{number % 97:02}" / f"{number:05}{SUFFIXES[number % len(SUFFIXES)]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        ids.add("img_" + hashlib.sha256(data).hexdigest()[:20])
    assert len(ids) == good
    found = bad_files(folder / "bad", bad)
    return Made(
        frozenset(ids), {display_text(str(path).encode("utf-8", "surrogateescape")): kind for kind, path in found}
    )


def picture(number: int) -> tuple[Image.Image, str]:
    """A picture of four coloured quarters, other ones for each number, and its format."""
    chosen = random.Random(number)
    image = Image.frombytes("RGB", (4, 4), chosen.randbytes(48)).resize((64, 48), Image.Resampling.NEAREST)
    kind, mode = FORMATS[number % len(FORMATS)], MODES[number // 7 % len(MODES)]
    able = {"CMYK": ("JPEG", "TIFF"), "RGBA": ("PNG", "WEBP", "TIFF", "AVIF", "GIF")}
    allowed = kind in able.get(mode, ("PNG", "TIFF", "BMP", "GIF") if mode in ("P", "1") else FORMATS)
    return image.convert(mode) if allowed and not (kind in ("WEBP", "AVIF") and mode == "L") else image, kind


def check(made: Made, report: IndexReport, collection: Path, encoder: Encoder) -> None:
    """Everything that is promised of such a folder."""
    failed = {failure.path: failure.reason for failure in report.failed}
    missing, extra = made.bad.keys() - failed.keys(), failed.keys() - made.bad.keys()
    assert not missing, f"not listed: {Counter(made.bad[path] for path in missing)}"
    assert not extra, f"listed, but good: {[(path, failed[path]) for path in sorted(extra)[:5]]}"
    assert len(report.failed) == len(made.bad)
    assert all(failed.values())
    assert report.added == len(made.good)
    with Collection.open(collection) as opened:
        query = np.asarray(encoder.encode_texts(["red"])[0])
        assert {hit.id for hit in opened.search(query, len(made.good) + 10)} == made.good
        assert {hit.id for hit in opened.search(query, 10)} < made.good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--good", type=int, default=9_300)
    parser.add_argument("--bad", type=int, default=700)
    parser.add_argument("--seconds", type=float, default=4.0, help="processor time for one file (default: 4)")
    parser.add_argument("--encoder", default="bundled", help="any model, or `colours`, which looks at colours alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, DecoderPool(seconds=options.seconds) as decoders:
        folder, target = Path(directory) / "photos", Path(directory) / "c"
        made = make(folder, options.good, options.bad)
        say(f"{len(made.good):,} good files, {len(made.bad):,} bad ones of {len(set(made.bad.values()))} kinds")
        encoder = _encoder(options.encoder)
        report = build_collection([folder], target, encoder=encoder, decoders=decoders)
        check(made, report, target, encoder)
        kinds = {made.bad[failure.path]: failure.reason for failure in report.failed}
        for kind in KINDS:
            say(f"  {kind}: {kinds.get(kind, 'none made')}")
        say(f"{report.added:,} searchable, {len(report.failed):,} listed, in {report.seconds:.0f} s")
        say(f"peak memory {_peak('self'):.0f} MiB; of the decoding processes that are left, {_children_peak():.0f} MiB")
        start = time.monotonic()
        again = build_collection([folder], target, encoder=encoder, decoders=decoders)
        assert (again.unchanged, len(again.failed)) == (len(made.good), len(made.bad))
        say(f"again: nothing changed, in {time.monotonic() - start:.0f} s")


def _children_peak() -> float:
    tasks = Path("/proc/self/task").glob("*/children")
    return max((_peak(child) for task in tasks for child in task.read_text().split()), default=0.0)


def _peak(process: str) -> float:
    """Most memory that a process has had resident, in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _encoder(name: str) -> Encoder:
    if name == "colours":
        from tests.fakes import ColourEncoder

        return ColourEncoder()
    from retrieval.encoder import load_encoder

    return load_encoder(name)


if __name__ == "__main__":
    main()
