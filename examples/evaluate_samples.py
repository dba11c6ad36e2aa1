"""How well are the demo's pictures searched, before and after reranking? One item, two items, and swapped twins.

Run `veralens demo --no-serve` first: it draws and indexes them. Prints the figures and draws them into FILE.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import platformdirs

from indexer.samples.catalogue import DEMO_CAPTIONS, Sample, sample_catalogue
from indexer.samples.scenes import swapped
from retrieval import SearchEngine
from retrieval.evaluation import Judgements, Query, evaluate
from retrieval.evaluation.plot import write_plot
from retrieval.evaluation.tables import text_table

DEMO = platformdirs.user_cache_path("veralens") / "demo" / "sample.collection"


def queries(engine: SearchEngine) -> list[Query]:
    """Every caption of the catalogue that says all there is to see, with the pictures that it describes."""
    samples = {sample.filename: sample for sample in sample_catalogue()}
    scenes = {sample.scene for sample in samples.values()}

    def data_set(sample: Sample) -> str | None:
        if len(sample.scene.items) == 2:
            return "swapped twins" if swapped(sample.scene) in scenes else "two items"
        # Other captions of one item hold for more pictures: "a blue shirt" also for a blue striped one.
        return "one item" if sample.caption in DEMO_CAPTIONS else None

    relevant: dict[tuple[str, str], dict[str, float]] = {}
    for hit in engine.search("everything", top_k=len(samples), rerank=False).hits:
        sample = samples["/".join(Path(hit.path).parts[-2:])]
        part = data_set(sample)
        if part is not None:
            relevant.setdefault((part, sample.caption), {})[hit.id] = 1.0
    return [Query(text, relevance, part) for (part, text), relevance in sorted(relevant.items())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="a .png, .svg or .pdf")
    parser.add_argument("--collection", type=Path, default=DEMO)
    parser.add_argument("--fusion-weight", type=float, default=None)
    options = parser.parse_args()
    with SearchEngine.open(options.collection, fusion_weight=options.fusion_weight) as engine:
        report = evaluate(engine, Judgements(tuple(queries(engine))))
    print(text_table(report))
    write_plot(report, options.file)


if __name__ == "__main__":
    main()
