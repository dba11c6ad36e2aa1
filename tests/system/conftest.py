"""The whole thing once: the sample catalogue, indexed and searched with the bundled models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.commands.demo import FUSION_WEIGHT
from indexer.samples.catalogue import Sample, sample_catalogue
from retrieval import SearchEngine

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def veralens(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The command as a user types it, with a cache folder of its own and no network."""
    cache = tmp_path_factory.mktemp("cache")

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main())", *map(str, arguments)],
            env={**os.environ, "VERALENS_CACHE_DIR": str(cache), "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def demo(veralens: Run) -> dict[str, Any]:
    """What ``veralens demo --no-serve --json`` says."""
    done = veralens("demo", "--no-serve", "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture(scope="session")
def samples() -> dict[str, Sample]:
    """The samples by the end of their path."""
    return {sample.filename: sample for sample in sample_catalogue()}


@pytest.fixture(scope="session")
def engine(demo: dict[str, Any]) -> Iterator[SearchEngine]:
    with SearchEngine.open(demo["demo"]["collection"], fusion_weight=FUSION_WEIGHT) as opened:
        yield opened
