"""Disks that are full, fail, or must be told to write."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from retrieval.collection import Collection
from retrieval.errors import CollectionError
from retrieval.verification import verify_collection
from tests.faults.kills import ROOT
from tests.faults.numbered import add, id_of, numbers_in, open_writer, vector_of

STRACE = shutil.which("strace")


def test_a_full_disk_refuses_batches_and_loses_none(small_disk: Path) -> None:
    target, entered, refused = small_disk / "numbers.collection", 0, 0
    with open_writer(target) as writer:
        add(writer, range(100))
        writer.publish()
        entered = 100
        filler = small_disk / "filler"
        filler.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 120_000))
        with Collection.open(target) as reader:
            while refused < 3:
                try:
                    add(writer, range(entered, entered + 20))
                    entered += 20
                except CollectionError as error:
                    refused += bool(re.search(r"full|No space", str(error)))
            # Searches go on, over all that was acknowledged.
            reader.refresh()
            assert reader.info().images == entered
            with pytest.raises(CollectionError, match=r"full|No space"):
                writer.publish()
            assert reader.search(vector_of(42), 1)[0].id == id_of(42)
        filler.unlink()
        add(writer, range(entered, entered + 20))
        writer.publish()
    assert verify_collection(target).problems == ()
    with Collection.open(target) as collection:
        assert numbers_in(collection, entered + 100) == set(range(entered + 20))


def traced(target: Path, rounds: int, *options: str) -> tuple[list[str], list[str]]:
    """What the worker says, and the system calls that strace sees once it has begun."""
    if STRACE is None:
        pytest.skip("needs strace")
    command = [sys.executable, "-m", "tests.faults.disk", str(target), str(rounds)]
    trace = target.with_suffix(".strace")
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        attach = [STRACE, "-f", "-y", "-o", str(trace), *options, "-p", str(worker.pid)]
        with subprocess.Popen(attach, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr is not None
            first = tracer.stderr.readline()
            if "attached" not in first:
                worker.kill()
                pytest.skip(f"strace may not attach: {first.strip()}")
            threading.Thread(target=tracer.stderr.read, daemon=True).start()
            said, _ = worker.communicate("\n", timeout=120)
            tracer.wait(60)
    return said.splitlines(), trace.read_text(errors="replace").splitlines()


@pytest.mark.parametrize(("call", "when"), [("fdatasync", "5+7"), ("fsync", "5+7"), ("pwrite64", "60+151")])
def test_a_failing_disk_refuses_batches_and_loses_none(tmp_path: Path, call: str, when: str) -> None:
    target = tmp_path / "numbers.collection"
    with open_writer(target) as writer:
        add(writer, range(1000, 1100))
        writer.publish()
    said, _ = traced(target, 24, "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={when}")
    acknowledged = {int(line.split()[1]) for line in said if line.startswith("ok")}
    refused = [line for line in said if line.startswith("refused")]
    assert acknowledged
    assert refused
    assert all(re.search(r"disk I/O error|Input/output error", line) for line in refused), refused
    assert verify_collection(target).problems == ()
    with Collection.open(target) as collection:
        found = numbers_in(collection, 1100)
    assert set(range(1000, 1100)) | acknowledged <= found
    start = time.monotonic()
    with open_writer(target) as writer:
        add(writer, [2000])
        writer.publish()
    assert time.monotonic() - start < 30
    assert verify_collection(target).problems == ()


def test_every_file_is_synced_before_anything_names_it(tmp_path: Path) -> None:
    target = tmp_path / "numbers.collection"
    calls = "trace=pwrite64,write,fsync,fdatasync,rename,unlink,unlinkat"
    said, lines = traced(target, 4, "-e", calls)
    assert [line.split()[0] for line in said] == ["ok"] * 4
    events = [event for line in lines if (event := event_of(line, target))]
    commits = 0
    dirty: set[str] = set()
    for place, (call, name) in enumerate(events):
        if call in ("pwrite64", "write"):
            if name == "catalog.sqlite-wal":
                # The rows that a commit counts are durable before it is written.
                assert "segments/00000001.fp16" not in dirty, events[: place + 1]
            dirty.add(name)
        elif call in ("fsync", "fdatasync"):
            commits += name == "catalog.sqlite-wal"
            dirty.discard(name)
        elif call == "rename":
            source, new = name.split(" -> ")
            assert source not in dirty, "renamed before it was synced"
            folder = new.rpartition("/")[0] or "."
            following = events[place + 1 :]
            synced = next(number for number, one in enumerate(following) if one == ("fsync", folder))
            later = [one for one in following[:synced] if one[0] in ("rename", "unlink", "unlinkat")]
            assert later == [], "something follows on a name that is not durable yet"
    assert commits >= 4
    renamed = [name.split(" -> ")[1] for call, name in events if call == "rename"]
    assert [name.partition("/")[0] for name in renamed] == ["index", "manifest.json"] * 4
    unlinked = [name for call, name in events if call.startswith("unlink") and name.startswith("index/")]
    assert len(unlinked) == 2, "four indexes were made, two are kept"


def event_of(line: str, target: Path) -> tuple[str, str] | None:
    """(call, file within the collection) of a line of strace's."""
    found = re.match(r"\d+ +(\w+)\((.*)", line)
    if not found or str(target) not in line:
        return None
    call, rest = found.groups()
    if call == "rename":
        old, new = re.findall(r'"([^"]+)"', rest)[:2]
        return call, f"{relative(old, target)} -> {relative(new, target)}"
    named = re.search(r"<([^>]+)>" if not call.startswith("unlink") else r'"([^"]+)"', rest)
    return (call, relative(named.group(1), target)) if named else None


def relative(path: str, target: Path) -> str:
    return "." if path == str(target) else path.removeprefix(f"{target}/")
