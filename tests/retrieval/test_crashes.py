"""kill -9 in the middle of indexing: what was acknowledged stays, the next run completes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from indexer import build_collection
from retrieval.collection import Collection
from tests.fakes import ColourEncoder, ColourTokens, quarters
from tests.pictures import paint, shade

ROOT = Path(__file__).parent.parent.parent
PICTURES = 240
# For each line on stdin a child indexes until it is killed. It says the number of images after each commit
# that has returned, slowly enough to be hit in between. Forked, since importing takes longer than indexing.
INDEXING = """
import os, sys, time
from indexer import build_collection
from retrieval.writer import CollectionWriter
from tests.fakes import ColourEncoder
commit = CollectionWriter.commit
def told(self, additions):
    lost = commit(self, additions)
    print(self.catalog.count(), flush=True)
    time.sleep(0.004)
    return lost
CollectionWriter.commit = told
while sys.stdin.readline():
    child = os.fork()
    while not child:
        build_collection([sys.argv[1]], sys.argv[2], encoder=ColourEncoder(), batch_size=3)
    print("pid", child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


# The same for image tokens: the number of images that have them after each commit that has returned.
PRECOMPUTING = """
import os, sys, time
from indexer import build_collection
from retrieval.token_writer import TokenWriter
from tests.fakes import ColourEncoder, ColourTokens
commit = TokenWriter.commit
def told(self, tokens):
    commit(self, tokens)
    print(self._catalog.connection.execute("SELECT count(*) FROM rerank_tokens").fetchone()[0], flush=True)
    time.sleep(0.004)
TokenWriter.commit = told
while sys.stdin.readline():
    child = os.fork()
    while not child:
        build_collection([sys.argv[1]], sys.argv[2], encoder=ColourEncoder(), precompute_rerank=ColourTokens())
    print("pid", child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


def index_and_kill(process: subprocess.Popen[str], delay: float) -> int:
    """Let a child index for ``delay`` seconds; how many images it had acknowledged when it was killed."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    acknowledged = 0
    for line in process.stdout:
        if line.startswith("pid"):
            time.sleep(delay)
            os.kill(int(line.split()[1]), signal.SIGKILL)
        elif line == "ended\n":
            break
        else:
            acknowledged = max(acknowledged, int(line))
    return acknowledged


def test_killed_five_times(tmp_path: Path) -> None:
    folder, target = tmp_path / "photos", tmp_path / "photos.collection"
    for number in range(PICTURES):
        paint(folder / f"{number:03d}.png", shade(number), (4, 4))
    acknowledged = 0
    command = [sys.executable, "-c", INDEXING, str(folder), str(target)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for delay in (0.05, 0.13, 0.21, 0.34, 0.02):
            acknowledged = max(acknowledged, index_and_kill(process, delay))
            if acknowledged:
                with Collection.open(target) as collection:
                    assert collection.info().images >= acknowledged
                    hits = collection.search(ColourEncoder().encode_texts(["red"])[0], PICTURES)
                    assert len(hits) == collection.info().images
    encoder = ColourEncoder()
    report = build_collection([folder], target, encoder=encoder)
    assert report.failed == ()
    assert report.added == encoder.embedded <= PICTURES - acknowledged
    assert report.added + report.unchanged == PICTURES
    with Collection.open(target) as collection:
        assert collection.info().images == PICTURES
    assert build_collection([folder], target, encoder=encoder).unchanged == PICTURES
    assert not list(target.rglob("*.tmp"))


def sound_tokens(target: Path) -> int:
    """How many images have tokens; each has its own."""
    with Collection.open(target) as collection:
        hits = collection.search(ColourEncoder().encode_texts(["red"])[0], PICTURES)
        found = collection.rerank_tokens([hit.id for hit in hits], "colour-tokens-1")
        for image_id, values in found.items():
            with Image.open(collection.file(image_id)) as picture:
                np.testing.assert_array_equal(values, quarters(picture))
        assert sum(one.images for one in collection.token_sets()) == len(found)
    return len(found)


def test_killed_while_precomputing(tmp_path: Path) -> None:
    folder, target = tmp_path / "photos", tmp_path / "photos.collection"
    for number in range(PICTURES):
        paint(folder / f"{number:03d}.png", shade(number), (4, 4))
    build_collection([folder], target, encoder=ColourEncoder())
    acknowledged = before = 0
    command = [sys.executable, "-c", PRECOMPUTING, str(folder), str(target)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for delay in (0.06, 0.14, 0.22, 0.35, 0.03):
            acknowledged = max(acknowledged, index_and_kill(process, delay))
            there = sound_tokens(target)
            assert there >= max(acknowledged, before)
            before = there
    encoder, tokens = ColourEncoder(), ColourTokens()
    report = build_collection([folder], target, encoder=encoder, precompute_rerank=tokens)
    assert report.failed == ()
    assert (encoder.embedded, report.unchanged) == (0, PICTURES)
    assert report.precomputed == tokens.encoded == PICTURES - before
    assert sound_tokens(target) == PICTURES
