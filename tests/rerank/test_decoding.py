"""Decoding in processes that can be killed: what a bad file costs, and what it does not."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rerank.decoding.files import CutShort, StillWritten
from rerank.decoding.pool import DecoderPool
from rerank.errors import ImageError, ImageTooLarge, InputError
from rerank.images import load_image
from tests.rerank.bombs import flat_png, many_scans
from tests.rerank.quarters import SIZE, differ, encode, quarters

ROOT = Path(__file__).parent.parent.parent
GOOD = encode(quarters())


BEFORE: set[int] = set()


@pytest.fixture(autouse=True)
def _before() -> None:
    BEFORE.clear()
    BEFORE.update(children(os.getpid()))


@pytest.fixture
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(2) as pool:
        yield pool


@pytest.fixture
def slow() -> bytes:
    """Takes a minute to decode."""
    return many_scans(4000, 400)


def python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_the_same_pixels_as_in_this_process(pool: DecoderPool, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    for kind in ("PNG", "JPEG", "WEBP", "AVIF"):
        data = encode(Image.fromarray(noise), kind)
        decoded = pool.decode(data)
        assert np.array_equal(np.asarray(decoded.image), np.asarray(load_image(data)))
        assert (decoded.width, decoded.height, decoded.format) == (400, 300, kind)
        assert pool.decode(data, max_side=100).image.size == load_image(data, max_side=100).size


def test_a_file_is_read_hashed_and_decoded_at_once(pool: DecoderPool, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9 \n.png")
    path.write_bytes(GOOD)
    read = pool.decode_file(str(path))
    assert (read.sha256, read.size) == (hashlib.sha256(GOOD).digest(), len(GOOD))
    assert read.mtime_ns == path.stat().st_mtime_ns
    assert read.decoded is not None
    assert differ(read.decoded.image) == 0


def test_what_is_not_wanted_is_not_decoded(pool: DecoderPool, tmp_path: Path) -> None:
    path = tmp_path / "words.png"
    path.write_bytes(b"these would not decode")
    read = pool.decode_file(path, wanted=lambda sha256: sha256 != hashlib.sha256(path.read_bytes()).digest())
    assert read.decoded is None
    assert pool.decode(GOOD).image.size == SIZE


def test_what_is_no_picture_says_why(pool: DecoderPool, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for source, reason in ((b"", "empty"), (b"words", "not an image"), (GOOD[:90], "damaged")):
        with pytest.raises(ImageError, match=reason):
            pool.decode(source)
    with pytest.raises(ImageError, match="regular file"):
        pool.decode_file(tmp_path / "pipe.png")
    with pytest.raises(FileNotFoundError):
        pool.decode_file(tmp_path / "nothing.png")
    with pytest.raises(IsADirectoryError):
        pool.decode_file(tmp_path)
    assert issubclass(StillWritten, ImageError)


def test_a_file_that_takes_too_long_is_given_up_and_the_next_is_decoded(slow: bytes) -> None:
    with DecoderPool(1, seconds=0.3) as pool:
        for _ in range(2):
            with pytest.raises(ImageError, match=r"takes more than 0\.3 s"):
                pool.decode(slow)
            assert differ(pool.decode(GOOD).image) == 0


def test_a_picture_that_takes_too_much_memory_is_refused() -> None:
    with DecoderPool(1, memory_bytes=200 * 2**20) as pool:
        with pytest.raises(ImageError, match="memory"):
            pool.decode(flat_png(9000, 9000))
        assert differ(pool.decode(GOOD).image) == 0


def test_too_many_pixels_are_refused(pool: DecoderPool) -> None:
    with pytest.raises(ImageTooLarge, match="20000×6000"):
        pool.decode(encode(Image.new("1", (20_000, 6_000))))


def test_photos_of_the_largest_cameras_are_read(pool: DecoderPool) -> None:
    # 200 megapixels: more than Pillow opens of itself.
    decoded = pool.decode(encode(Image.new("L", (16_320, 12_240), 128), "JPEG"), max_side=448)
    assert (decoded.width, decoded.height) == (16_320, 12_240)
    assert 448 <= min(decoded.image.size) < 896


def test_large_pictures_take_turns_and_all_come_out(pool: DecoderPool) -> None:
    large = flat_png(6000, 5000)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: pool.decode(large, max_side=300).image.size, range(4)))
    assert found == [(375, 313)] * 4


def test_a_crash_costs_one_file(slow: bytes) -> None:
    with DecoderPool(1) as pool, ThreadPoolExecutor(1) as thread:
        pool.decode(GOOD)
        decoding = thread.submit(pool.decode, slow)
        os.kill(busy_child(pool), signal.SIGSEGV)
        with pytest.raises(ImageError, match="SIGSEGV") as crash:
            decoding.result()
        assert not isinstance(crash.value, CutShort)
        assert differ(pool.decode(GOOD).image) == 0


def test_a_process_that_died_between_two_files_costs_none() -> None:
    with DecoderPool(1) as pool:
        pool.decode(GOOD)
        (child,) = own_children()
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: state(child) in ("Z", ""))
        assert differ(pool.decode(GOOD).image) == 0


def test_closing_ends_what_is_being_decoded(slow: bytes) -> None:
    pool = DecoderPool(1)
    with ThreadPoolExecutor(2) as threads:
        decoding = threads.submit(pool.decode, slow)
        child = busy_child(pool)
        waiting = threads.submit(pool.decode, GOOD)
        pool.close()
        pool.close()
        with pytest.raises(CutShort):  # which says nothing about the file
            decoding.result()
        with pytest.raises(RuntimeError, match="closed"):
            waiting.result()
    wait_until(lambda: state(child) == "")


def test_no_more_processes_than_there_is_work_for() -> None:
    with DecoderPool(4) as pool:
        assert own_children() == []
        for _ in range(3):
            pool.decode(GOOD)
        assert len(own_children()) == 1
    assert own_children() == []
    with pytest.raises(InputError, match="at least one worker"):
        DecoderPool(0)


def test_the_processes_load_little() -> None:
    code = (
        "import sys; from rerank.decoding.worker import load_decoders; load_decoders();"
        "print([name for name in ('torch', 'numpy', 'retrieval', 'rerank.types') if name in sys.modules])"
    )
    assert python(code) == "[]"
    code = "import sys, rerank.decoding.pool; print('torch' in sys.modules)"
    assert python(code) == "False"


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path: Path) -> None:
    script, picture = tmp_path / "script.py", tmp_path / "p.png"
    picture.write_bytes(GOOD)
    script.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from rerank.decoding.pool import DecoderPool\n"
        f"with DecoderPool(1) as pool: print(pool.decode_file({str(picture)!r}).decoded.image.size)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == f"{SIZE}\n"


@pytest.mark.parametrize("busy", [False, True])
def test_processes_end_with_their_owner(busy: bool, slow: bytes, tmp_path: Path) -> None:
    (tmp_path / "slow.jpg").write_bytes(slow)
    code = (
        "import sys, threading, time; from rerank.decoding.pool import DecoderPool;"
        f"pool = DecoderPool(1, seconds=1); pool.decode({GOOD!r});"
        "threading.Thread(target=pool.decode_file, args=(sys.argv[1],)).start() if len(sys.argv) > 1 else 0;"
        "time.sleep(0.3); print('ready', flush=True); time.sleep(60)"
    )
    arguments = [str(tmp_path / "slow.jpg")] if busy else []
    owner = subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"ready\n"
    (child,) = children(owner.pid)
    owner.kill()
    owner.communicate()
    wait_until(lambda: state(child) in ("Z", ""))


def busy_child(pool: DecoderPool) -> int:
    """The one process, once it is decoding."""
    found: list[int] = []

    def decoding() -> bool:
        found[:] = own_children()
        return len(found) == 1 and state(found[0]) == "R" and cpu_seconds(found[0]) > 0.3

    wait_until(decoding)
    return found[0]


def own_children() -> list[int]:
    """Processes of this test's pools, without those of servers that other tests keep."""
    return [child for child in children(os.getpid()) if child not in BEFORE]


def children(pid: int) -> list[int]:
    """Processes that decode for ``pid``."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(child) for task in tasks for child in task.read_text().split()]
    return [child for child in found if b"rerank.decoding" in Path(f"/proc/{child}/cmdline").read_bytes()]


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until(true: object) -> None:
    assert callable(true)
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
