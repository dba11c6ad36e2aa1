"""rerankers: pictures ranked behind the interface that answer.ai's library gives every reranker.

pip install 'veralens[all,rerankers]'    (all: for the sample pictures; the reranker itself needs [rerankers])
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from rerankers import Reranker

import rerank.integrations.rerankers  # noqa: F401 (makes the model type known)
from indexer.samples.catalogue import sample_catalogue
from indexer.samples.rendering import draw

with TemporaryDirectory() as folder:
    paths = []
    for sample in sample_catalogue()[28:38]:
        path = Path(folder, f"{sample.caption}.png")
        draw(sample.scene).save(path)
        paths.append(str(path))

    ranker = Reranker("bundled", model_type="EntailmentRanker", verbose=0)
    for result in ranker.rank("blue denim jeans", paths).top_k(5):
        print(f"{result.score:.3f}  {result.label:13}  {Path(result.image_path).stem}")
