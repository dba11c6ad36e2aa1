from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("*_rerank.py"))
# All in one process, because importing torch and timm takes longer than any of them.
RUN = """
import contextlib, io, json, runpy, sys, traceback
outputs = {}
for path in sys.argv[1:]:
    output = outputs[path] = io.StringIO()
    with contextlib.redirect_stdout(output):
        try:
            runpy.run_path(path, run_name="__main__")
        except Exception:
            traceback.print_exc(file=output)
print(json.dumps({path: output.getvalue() for path, output in outputs.items()}))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def printed(home: Path) -> dict[str, str]:
    """What each example printed, by its path."""
    # One thread: they run beside other tests.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home), "OMP_NUM_THREADS": "1"}
    environment.pop("HAYSTACK_TELEMETRY_ENABLED", None)
    command = [sys.executable, "-c", RUN, *map(str, EXAMPLES)]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outputs: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return outputs


def test_every_integration_has_an_example() -> None:
    modules = {path.stem for path in (ROOT / "rerank" / "integrations").glob("*.py")} - {"__init__", "documents"}
    assert modules <= {path.stem.removesuffix("_rerank") for path in EXAMPLES}
    table = (ROOT / "examples" / "README.md").read_text()
    assert all(f"({path.name})" in table for path in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_finds_the_jeans(example: Path, printed: dict[str, str]) -> None:
    output = printed[str(example)]
    lines = output.splitlines()
    assert len(lines) == 5, output
    assert lines[0].endswith("blue denim jeans")
    probabilities = [float(line.split()[0]) for line in lines]
    assert probabilities == sorted(probabilities, reverse=True)
    assert probabilities[0] > 0.5


def test_haystacks_telemetry_is_off_in_its_example(printed: dict[str, str], home: Path) -> None:
    """It would keep an identity there."""
    assert printed
    assert not (home / ".haystack").exists()
