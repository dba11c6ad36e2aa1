"""Writing tables of captions for tests."""

from __future__ import annotations

from pathlib import Path

from retrieval import SearchEngine
from retrieval.evaluation import Judgements, read_judgements


def judged(engine: SearchEngine, folder: Path, rows: str, **options: Path) -> Judgements:
    """The queries of a table with these ``rows`` in ``folder``."""
    path = folder / "captions.csv"
    path.write_text(rows)
    return read_judgements(path, engine.collection, **options)
