"""Measure the packaged reranker: `python -m recipes.reranker.evaluate`.

Reads the model directory and the cached features, finds the temperature on the validation sets, and writes
CACHE/reranker/RUN/figures.json: every figure, the table of the model card, and temperature and fusion weight for
`recipes.reranker.package`. Hypotheses are sampled with fixed seeds; nothing here was trained on.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from indexer.samples.scenes import caption
from recipes.reranker.concepts import ConceptWorld, Hypernyms
from recipes.reranker.drawn import scene_of
from recipes.reranker.features import FeatureSet, open_features
from recipes.reranker.hypotheses import VERDICTS, Hypothesis, hypotheses
from recipes.reranker.judging import Judge, accuracy, best_temperature, calibration_error, tempered
from recipes.reranker.package import BUNDLED
from recipes.reranker.searching import measure_search
from recipes.reranker.speed import measure_speed
from recipes.reranker.summary import ACCURACIES, choose_weight, table, weaknesses
from recipes.sources import DEFAULT_CACHE, unpacked

PER_PICTURE = 8
NAMED_SETS = ("named_valid", "named_test", "twemoji")


@dataclass(frozen=True)
class Sample:
    """Pairs of a set: image tokens, hypotheses, labels."""

    images: list[torch.Tensor]
    texts: list[Hypothesis]

    @property
    def labels(self) -> NDArray[np.int64]:
        return np.asarray([VERDICTS.index(text.label) for text in self.texts])

    def plus(self, other: Sample) -> Sample:
        return Sample(self.images + other.images, self.texts + other.texts)


class Evaluation:
    """One model directory against the cached sets."""

    def __init__(self, cache: Path, directory: Path) -> None:
        self.cache, self.directory = cache, directory
        self.root = cache / "reranker" / "features"
        self.judge = Judge(directory)

    def opened(self, name: str) -> FeatureSet:
        features = open_features(self.root / name)
        if not features.done.all():
            raise ValueError(f"{self.root / name}: not finished; run recipes.reranker.features")
        return features

    def sample(self, name: str, wanted: Callable[[int], bool] | None = None) -> Sample:
        """Hypotheses about a set's pictures; ``wanted`` takes the number of items of a drawn scene."""
        features, rng = self.opened(name), random.Random(f"evaluate {name}")
        speak = self._speaker(name, features)
        records = enumerate(features.records)
        rows = [n for n, record in records if wanted is None or wanted(len(record["scene"]["items"]))]
        tokens = self.judge.image_tokens(features, rows)
        sample = Sample([], [])
        for row, image in zip(rows, tokens, strict=True):
            made = speak(row, rng)
            sample.images.extend([image] * len(made))
            sample.texts.extend(made)
        return sample

    def _speaker(self, name: str, features: FeatureSet) -> Callable[[int, random.Random], list[Hypothesis]]:
        if name not in NAMED_SETS:
            return lambda row, rng: hypotheses(scene_of(features.records[row]), rng, PER_PICTURE)
        known = [record["concept"] for part in ("named", name) for record in self.opened(part).records]
        world = ConceptWorld(features.records, Hypernyms(unpacked(self.cache, "wordnet"), known))
        return lambda row, rng: world.hypotheses(features.records[row], rng, PER_PICTURE)

    def three_way(self, sample: Sample, temperature: float) -> dict[str, float]:
        """Accuracies of a sample as it is, with the picture blanked, with the text blanked; calibration error."""
        labels = sample.labels
        seen = tempered(self.judge.probabilities(sample.images, sample.texts), temperature)
        blank = self.judge.probabilities([self.judge.blank] * len(sample.texts), sample.texts)
        mute = self.judge.probabilities(sample.images, [replace(text, text="", premise=None) for text in sample.texts])
        by_label: dict[str, float] = {
            verdict: accuracy(seen[labels == n], labels[labels == n]) for n, verdict in enumerate(VERDICTS)
        }
        return {
            "accuracy": accuracy(seen, labels),
            "picture blanked": accuracy(blank, labels),
            "text blanked": accuracy(mute, labels),
            "ece": calibration_error(seen, labels),
            "pairs": len(labels),
            **by_label,
        }

    def temperature(self) -> float:
        """The best temperature on the validation sets."""
        sample = self.sample("valid").plus(self.sample("named_valid"))
        return best_temperature(self.judge.probabilities(sample.images, sample.texts), sample.labels)

    def binding(self) -> dict[str, float]:
        """Scenes and their swapped twins: is the right caption preferred, is the right picture preferred?"""
        features = self.opened("binding")
        scenes = [scene_of(record) for record in features.records]
        images = list(self.judge.image_tokens(features, range(len(scenes))))
        texts = [Hypothesis(caption(scene), "entailment") for scene in scenes]
        crossed = [n ^ 1 for n in range(len(scenes))]
        true = self.judge.probabilities(images, texts)[:, 0]
        other_text = self.judge.probabilities(images, [texts[n] for n in crossed])[:, 0]
        return {
            "right caption preferred": float((true > other_text).mean()),
            "right picture preferred": float((true > other_text[crossed]).mean()),
            "scenes": len(scenes),
        }


def mixed(samples: Sequence[Sample]) -> Sample:
    """Equally many pairs of each sample."""
    count = min(len(sample.texts) for sample in samples)
    found = Sample([], [])
    for sample in samples:
        chosen = random.Random(5).sample(range(len(sample.texts)), count)
        found = found.plus(Sample([sample.images[n] for n in chosen], [sample.texts[n] for n in chosen]))
    return found


def evaluate(cache: Path, directory: Path) -> dict[str, Any]:
    """All figures of a model directory."""
    evaluation = Evaluation(cache, directory)
    found: dict[str, Any] = {"temperature": evaluation.temperature()}
    print(found, flush=True)
    samples = {
        "one item, unseen combinations": lambda: evaluation.sample("unseen", lambda items: items == 1),
        "two items, unseen combinations": lambda: evaluation.sample("unseen", lambda items: items == 2),
        "emoji, clip-art, recoloured: unseen concepts or pairs": lambda: evaluation.sample("named_test"),
        "emoji of an unseen vendor, unseen concepts": lambda: evaluation.sample("twemoji"),
    }
    made = {name: make() for name, make in samples.items()}
    made = {ACCURACIES[0]: mixed([made[name] for name in list(made)[:3]]), **made}
    for name, sample in made.items():
        found[name] = evaluation.three_way(sample, found["temperature"])
        print(name, json.dumps(found[name]), flush=True)
    found["binding"] = evaluation.binding()
    print("binding", found["binding"], flush=True)
    found["search"] = measure_search(evaluation.judge, evaluation.opened, found["temperature"])
    found["speed"] = measure_speed(directory)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--directory", type=Path, default=BUNDLED)
    parser.add_argument("--run", default="run", help="folder that takes the figures")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    run = options.cache / "reranker" / options.run
    found = evaluate(options.cache, options.directory)
    found["fusion_weight"] = choose_weight(found["search"])
    found["table"], found["weak"] = table(found), weaknesses(found)
    last = json.loads((run / "curve.jsonl").read_text().splitlines()[-1])
    found["training_minutes"] = round(last["minutes"])
    (run / "figures.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
