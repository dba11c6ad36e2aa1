"""How long reranking a hundred candidates takes, first seen and cached."""

from __future__ import annotations

import io
import time
from pathlib import Path

from indexer.samples.catalogue import sample_catalogue
from indexer.samples.scenes import draw
from rerank.hardware import Precision
from rerank.reranker import EntailmentReranker
from rerank.types import Candidate

CANDIDATES = 100
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
QUERIES = ("blue denim jeans", "a red striped shirt", "green hat")


def measure_speed(directory: Path) -> dict[str, dict[str, float]]:
    """Seconds for a hundred candidates in each precision: at first sight, and the mean of later queries."""
    candidates = []
    for sample in sample_catalogue()[:CANDIDATES]:
        buffer = io.BytesIO()
        draw(sample.scene).save(buffer, "JPEG", quality=90)
        candidates.append(Candidate(sample.filename, buffer.getvalue()))
    found: dict[str, dict[str, float]] = {}
    for precision in PRECISIONS:
        with EntailmentReranker.from_pretrained(str(directory), precision=precision) as reranker:
            reranker.rank("warm up", candidates[:16])
            reranker._scorer.cache.clear()
            times = []
            for query in QUERIES:
                begun = time.perf_counter()
                reranker.rank(query, candidates)
                times.append(time.perf_counter() - begun)
        found[precision] = {"first seen": times[0], "cached": sum(times[1:]) / len(times[1:])}
        print(precision, found[precision], flush=True)
    return found
