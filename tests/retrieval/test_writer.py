"""One writer at a time, and what it promises when a batch fails."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indexer import build_collection
from retrieval.catalog_writer import FoundPath, ImageContent
from retrieval.collection import Collection
from retrieval.errors import CollectionError, CollectionLocked
from retrieval.types import EncoderRecord
from retrieval.writer import Addition, CollectionWriter
from tests.fakes import ColourEncoder
from tests.pictures import paint

ROOT = Path(__file__).parent.parent.parent
RECORD = EncoderRecord("colours", 12, "colours-1")


def addition(number: int, *, vector: bool = True) -> Addition:
    """An image that is in no file."""
    content = ImageContent(bytes([number]) * 32, 4, 3, "PNG", 100)
    found = FoundPath(b"/photos/%d.png" % number, 1, 100, number)
    return Addition(content, found, np.eye(12, dtype=np.float32)[number % 12] if vector else None)


@pytest.fixture
def writer(tmp_path: Path):  # type: ignore[no-untyped-def]
    with CollectionWriter.create_or_open(tmp_path / "c", RECORD, "mine") as one:
        one.put_root(b"/photos")
        yield one


def test_second_writer_is_told_who_is_first(writer: CollectionWriter) -> None:
    with pytest.raises(CollectionLocked, match=rf"pid {os.getpid()} on .* is writing"):
        CollectionWriter.create_or_open(writer.path, RECORD)


def test_second_process_is_told_who_is_first_and_a_dead_one_is_forgotten(tmp_path: Path) -> None:
    paint(tmp_path / "photos" / "red.png", "red")
    hold = (
        "import sys; from retrieval.lock import lock_directory; from pathlib import Path\n"
        "lock = lock_directory(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", hold, str(tmp_path / "c")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(CollectionLocked, match=f"pid {holder.pid} on"):
            build_collection([tmp_path / "photos"], tmp_path / "c", encoder=ColourEncoder())
        holder.kill()
        holder.wait()
    assert build_collection([tmp_path / "photos"], tmp_path / "c", encoder=ColourEncoder()).added == 1


def test_a_batch_whose_sync_fails_is_not_in(writer: CollectionWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    writer.commit([addition(1)])

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(CollectionError, match=r"Input/output error.*is kept"):
            writer.commit([addition(2), addition(3)])
    with Collection.open(writer.path) as collection:
        assert collection.info().images == 1
    writer.commit([addition(2), addition(3)])
    with Collection.open(writer.path) as collection:
        assert collection.info().images == 3
        assert [hit.id for hit in collection.search(np.eye(12, dtype=np.float32)[3], 1)] == [addition(3).content.id]


def test_vectors_are_durable_before_the_catalogue_counts_them(
    writer: CollectionWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: (events.append("synced"), sync(descriptor)))
    writer.catalog.connection.set_trace_callback(events.append)
    writer.commit([addition(1)])
    order = [event.split()[0] for event in events if event == "synced" or event.split()[0] in ("BEGIN", "COMMIT")]
    assert order == ["BEGIN", "synced", "COMMIT"]
    counted = next(number for number, event in enumerate(events) if event.startswith("UPDATE segment"))
    assert counted > events.index("synced")
    assert writer.catalog.connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_an_index_is_durable_before_the_manifest_names_it(
    writer: CollectionWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        events.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().suffix or 'directory'}")
        sync(descriptor)

    def replaced(self: Path, target: Path) -> Path:
        events.append(f"rename {Path(target).suffix}")
        return replace(self, target)

    writer.commit([addition(1)])
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    writer.publish()
    wanted = ["sync .tmp", "rename .faiss", "sync directory", "sync .tmp", "rename .json", "sync directory"]
    assert [event for event in events if event in wanted][-6:] == wanted


def test_a_copy_without_an_embedding_is_handed_back(writer: CollectionWriter) -> None:
    assert writer.commit([addition(1), addition(1, vector=False)]) == []
    assert writer.commit([addition(2, vector=False)]) == [addition(2, vector=False)]


def test_left_over_files_are_swept(writer: CollectionWriter) -> None:
    writer.commit([addition(1)])
    writer.publish()
    writer.close()
    left = [writer.path / "manifest.json.tmp", writer.path / "index" / "0000000009-abc.faiss.tmp"]
    for path in left:
        path.write_bytes(b"half")
    CollectionWriter.create_or_open(writer.path, RECORD).close()
    assert not any(path.exists() for path in left)


def test_a_full_disk_while_an_index_is_written(writer: CollectionWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    writer.commit([addition(1)])
    with monkeypatch.context() as patch:

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(os, "fsync", full)
        with pytest.raises(CollectionError, match="No space left"):
            writer.publish()
    assert not list(writer.path.rglob("*.tmp"))
    with Collection.open(writer.path) as collection:
        assert collection.info().images == 1
    writer.publish()
    with Collection.open(writer.path) as collection:
        assert "memory" not in collection.info().index


def test_a_long_run_publishes_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.publisher.DUE_CHANGES", 10)
    published = []
    with CollectionWriter.create_or_open(tmp_path / "c", RECORD) as writer:
        writer.put_root(b"/photos")
        for number in range(1, 101):
            writer.commit([addition(number)])
            before = writer.publisher.generation
            writer.publish_if_due()
            if writer.publisher.generation != before:
                published.append(number)
    # At first every ten, then each time a fifth of what is there is new.
    assert published == [10, 20, 30, 40, 50, 63, 79, 99]
    with CollectionWriter.open(tmp_path / "c") as writer:
        assert writer.publisher.generation == 99
