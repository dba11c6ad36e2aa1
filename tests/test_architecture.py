"""Who may import whom: rerank ◄ retrieval ◄ indexer ◄ api, and what each stage must not pull in."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = ("rerank", "retrieval", "indexer", "api")


def modules_imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def sources(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found, package
    return found


@pytest.mark.parametrize("package", ORDER)
def test_imports_point_leftwards_only(package: str) -> None:
    forbidden = set(ORDER[ORDER.index(package) + 1 :]) | {"tests", "recipes", "benchmarks"}
    wrong = {
        str(path.relative_to(ROOT)): bad for path in sources(package) if (bad := modules_imported(path) & forbidden)
    }
    assert not wrong


@pytest.mark.parametrize("package", ["rerank", "retrieval", "indexer"])
def test_libraries_neither_print_nor_read_settings(package: str) -> None:
    wrong = []
    for path in sources(package):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} prints")
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} reads the environment")
    assert not wrong


def test_rerank_loads_neither_faiss_nor_open_clip_nor_fastapi() -> None:
    code = (
        "import sys, rerank; rerank.EntailmentReranker.from_pretrained('bundled');"
        "print([m for m in ('faiss', 'open_clip', 'fastapi', 'transformers', 'retrieval', 'indexer', 'api') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_rerank_extra_asks_for_no_search_engine() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = " ".join(project["dependencies"] + project["optional-dependencies"]["rerank"]).lower()
    assert not [name for name in ("faiss", "open_clip", "open-clip", "fastapi", "uvicorn") if name in needs]


def test_public_names_are_what_they_were() -> None:
    import rerank
    import retrieval

    assert {"EntailmentReranker", "Candidate", "RankedCandidate", "Entailment", "LABELS"} <= set(rerank.__all__)
    assert {"SearchEngine", "Collection", "ClipEncoder", "SearchResult", "Hit"} <= set(retrieval.__all__)
    for module in (rerank, retrieval):
        assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("package", ORDER)
def test_source_files_stay_short(package: str) -> None:
    long = {
        str(path.relative_to(ROOT)): n for path in sources(package) if (n := len(path.read_text().splitlines())) > 300
    }
    assert not long
