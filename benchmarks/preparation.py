"""What stretching, letterboxing and cropping do to the verdicts on pictures that are not square.

    python -m benchmarks.preparation [--pictures 120]

The demo's drawn one-item pictures, their edges drawn out to wide and tall ones with the item off the middle; each with
its own caption and with another one's. Prints the share of right verdicts and the mean entailment of the own captions.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator

import numpy as np
from PIL import Image

from indexer.samples.catalogue import DEMO_CAPTIONS, Sample, sample_catalogue
from indexer.samples.scenes import draw
from rerank import EntailmentReranker
from rerank.preparation import PREPARATIONS, prepare_picture

RATIOS = (1.0, 1.5, 2.0, 3.0)
SIZE = 352


def samples(count: int) -> list[Sample]:
    """Pictures of one item whose caption is one of the demo's."""
    return [sample for sample in sample_catalogue() if sample.caption in DEMO_CAPTIONS][:count]


def drawn_out(picture: Image.Image, ratio: float, rng: random.Random) -> Image.Image:
    """The picture as wide or as tall as ``ratio`` says, its edges drawn out to either side."""
    more = round(SIZE * (ratio - 1.0))
    before = rng.randint(0, more)
    sides = [(0, 0), (before, more - before)] if rng.random() < 0.5 else [(before, more - before), (0, 0)]
    return Image.fromarray(np.pad(np.asarray(picture), [*sides, (0, 0)], mode="edge"))


def pairs(count: int, ratio: float) -> Iterator[tuple[Image.Image, str, bool]]:
    """Each picture with its own caption, and with one that is not its."""
    rng = random.Random(f"{ratio}")
    for sample in samples(count):
        picture = drawn_out(draw(sample.scene, size=SIZE), ratio, rng)
        yield picture, sample.caption, True
        yield picture, rng.choice([one for one in DEMO_CAPTIONS if one != sample.caption]), False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=120)
    options = parser.parse_args()
    print("ratio  prepared by  right  own captions entailed  mean entailment of own / other")
    with EntailmentReranker.from_pretrained("bundled") as judge:
        for ratio in RATIOS:
            given = list(pairs(options.pictures, ratio))
            for how in PREPARATIONS:
                prepared = [(prepare_picture(image, how, judge.image_size), text) for image, text, _ in given]
                scores = judge.score(prepared)
                own = np.array([own for *_, own in given])
                right = np.where(own, scores.argmax(axis=1) == 0, scores.argmax(axis=1) == 2)
                entailed = scores[:, 0]
                print(
                    f"{ratio:>5.1f}  {how:<11}  {right.mean():.3f}  {(scores[own].argmax(axis=1) == 0).mean():>21.3f}"
                    f"  {entailed[own].mean():.3f} / {entailed[~own].mean():.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
