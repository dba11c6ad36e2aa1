"""What only a process of its own shows: entry, signals, exit codes, streams."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from tests.api.conftest import wait_ready

VERALENS = [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main())"]
REPOSITORY = Path(__file__).parents[2]


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``veralens serve`` on a free port; the process and its URL, when it listens."""
    command = [*VERALENS, "serve", "--port", "0", "--json", *arguments]
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(_document(process.stdout))["url"]
        finally:
            process.kill()


def _document(stream: IO[str]) -> str:
    """The lines of a JSON object."""
    lines = []
    for line in stream:
        lines.append(line)
        if line.rstrip() == "}":
            break
    return "".join(lines)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*VERALENS, *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False
    )


def test_help_imports_nothing_heavy() -> None:
    heavy = "torch", "faiss", "fastapi", "pydantic_settings", "PIL"
    code = f"import sys; import api.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_serve_ends_in_order(collection: Path, number: signal.Signals, code: int) -> None:
    with serving("-c", str(collection)) as (process, url):
        wait_ready(url)
        found = httpx.get(f"{url}/v1/search", params={"q": "blue denim jeans", "top_k": 1}, timeout=60).json()
        assert found["hits"][0]["label"]
        process.send_signal(number)
        assert process.wait(30) == code
        assert process.stderr is not None
        said = process.stderr.read()
        assert "Traceback" not in said
        assert "leaked" not in said  # as libraries say of what is not torn down


def test_a_log_that_nobody_reads_holds_nobody_up(collection: Path) -> None:
    with serving("-c", str(collection), "--log-level", "info") as (_, url), httpx.Client(base_url=url) as client:
        wait_ready(url)
        # More than a pipe holds.
        for _number in range(1_000):
            assert client.get("/v1/models", timeout=30).status_code == 200


def test_serve_takes_keys_from_the_environment(collection: Path) -> None:
    with serving("-c", str(collection), "--host", "0.0.0.0", VERALENS_API_KEYS="secret") as (_, url):
        assert httpx.get(f"{url}/livez").status_code == 200
        assert httpx.get(f"{url}/v1/collection").status_code == 401


def test_serve_ends_with_3_when_the_model_cannot_be_had(collection: Path, photos: Path) -> None:
    done = run("serve", "-c", str(collection), "--port", "0", "--reranker", str(photos))
    assert done.returncode == 3
    assert str(photos) in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_says_that_a_port_is_taken(collection: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("serve", "-c", str(collection), "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "--port" in done.stderr


def test_output_may_be_cut_off(collection: Path) -> None:
    command = [*VERALENS, "info", "-c", str(collection), "--json"]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
