"""Servers to be measured: ours, and clip-retrieval's backend over the same embeddings and weights."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.progress import say
from retrieval.collection import Collection

ROOT = Path(__file__).parent.parent
START_SECONDS = 180.0


@contextmanager
def process(command: Sequence[str | Path], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server process, terminated in the end; what it says goes to ``log``."""
    with log.open("wb") as file:
        running = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file, env=os.environ | environment)
        try:
            yield running
        finally:
            running.terminate()
            running.wait(60)


@contextmanager
def veralens(collection: Path, scratch: Path, *options: str) -> Iterator[tuple[str, int]]:
    """``veralens serve``: its URL and process id, once it is ready."""
    port = _free_port()
    command = [sys.executable, "-m", "api.cli", "serve", "-c", str(collection), "--port", str(port), *options]
    with process(command, scratch / "veralens.log") as running:
        url = f"http://127.0.0.1:{port}"
        _wait(f"{url}/readyz", running)
        yield url, running.pid


@contextmanager
def clip_retrieval(python: str, collection: Path, model: str, scratch: Path) -> Iterator[str]:
    """``clip-retrieval back`` over an exact index of the collection's own embeddings: its URL, once it answers."""
    import faiss
    import numpy as np

    folder, paths, port = scratch / "peer", scratch / "peer.json", _free_port()
    (folder / "metadata").mkdir(parents=True, exist_ok=True)
    with Collection.open(collection) as opened:
        count = opened.info().images
        ids = [one.id for one in opened.search(np.ones(opened.encoder.dimension, np.float32), count)]
        vectors = np.stack([opened.vectors(ids)[one] for one in ids])
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    faiss.write_index(index, str(folder / "image.index"))
    table = str(folder / "metadata" / "0.parquet")
    script = f"import pandas; pandas.DataFrame({{'caption': [''] * {count}}}).to_parquet({table!r})"
    subprocess.run([python, "-c", script], check=True)
    paths.write_text(json.dumps({"pictures": str(folder)}))
    command = [
        str(Path(python).parent / "clip-retrieval"),
        "back",
        f"--indices-paths={paths}",
        f"--port={port}",
        f"--clip_model=open_clip:{model}",
        "--enable_mclip_option=False",
        "--provide_aesthetic_embeddings=False",
        "--use_jit=False",
    ]
    with process(command, scratch / "peer.log") as running:
        url = f"http://127.0.0.1:{port}"
        _wait(f"{url}/indices-list", running)
        yield url


def resident_bytes(pid: int) -> int:
    """The memory of a process that is in use now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has taken, with that of its threads, but not of other processes of its own."""
    # The second field is a name, in brackets, which may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _wait(url: str, running: subprocess.Popen[bytes]) -> None:
    say(f"waiting for {url}")
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if running.poll() is not None:
            raise SystemExit(f"{running.args!r} ended with {running.returncode}")
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{url} is not ready")
