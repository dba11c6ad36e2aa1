"""A small collection of colours, with the random reference model as reranker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image

from indexer import build_collection
from rerank import EntailmentReranker
from retrieval import Collection, SearchEngine
from retrieval.types import Vectors
from tests.fakes import COLOURS, ColourEncoder

REFERENCE = Path(__file__).parents[2] / "data" / "ofa-reference"


class CountingEncoder(ColourEncoder):
    """Counts the texts that it was asked."""

    asked = 0

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.asked += len(texts)
        return super().encode_texts(texts)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plain pictures named for their colours; red also as another file with the same look, and with a caption."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, colour in COLOURS.items():
        Image.new("RGB", (48, 32), colour).save(folder / f"{name}.png")
    (folder / "more").mkdir()
    Image.new("RGB", (64, 64), COLOURS["red"]).save(folder / "more" / "red.png")
    (folder / "cyan.txt").write_text("something cyan")
    return folder


@pytest.fixture(scope="module")
def engine(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    path, encoder = tmp_path_factory.mktemp("collections") / "colours", CountingEncoder()
    build_collection([pictures], path, encoder=encoder)
    reranker = EntailmentReranker.from_pretrained(str(REFERENCE), precision="fp32")
    with Collection.open(path) as collection:
        yield SearchEngine(collection, encoder, reranker, fusion_weight=1.0)


@pytest.fixture(scope="module")
def ids(engine: SearchEngine, pictures: Path) -> dict[str, str]:
    """Image ids by the paths below the folder."""
    hits = engine.search("all", top_k=100, rerank=False).hits
    return {str(Path(hit.path).relative_to(pictures)): hit.id for hit in hits}
