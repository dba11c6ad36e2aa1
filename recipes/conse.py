"""ConSE (Norouzi et al. 2014, arXiv:1312.5650): an image embedding from what ImageNet's classes are called.

An image is placed at the weighted mean of the text embeddings of the classes its classifier sees. Here the
weights are GELU(scale * (logit - threshold)) instead of a softmax over the ten best classes, because that is a
two-layer network a stock open_clip head can hold: hidden unit i is class i, its output row the class's text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from recipes.sentence_teacher import SentenceTeacher, model_folder
from recipes.sources import unpacked
from recipes.trunk import load_trunk
from recipes.wordnet import read_nouns

PROMPTS = ("{}", "a photo of a {}", "a picture of {}")


@dataclass(frozen=True)
class ConseHead:
    """fc1 (1000, 1280) with bias, and the classes' text embeddings (1000, 256) as fc2's columns."""

    weight: torch.Tensor
    bias: torch.Tensor
    classes: torch.Tensor

    def __call__(self, features: torch.Tensor, *, scale: float, threshold: float) -> torch.Tensor:
        logits = features @ self.weight.T + self.bias
        return functional.gelu(scale * (logits - threshold)) @ self.classes


def class_names() -> list[tuple[str, list[str]]]:
    """ImageNet's 1000 classes in order: WordNet id and lemmas."""
    info = resources.files("timm.data") / "_info"
    order = (info / "imagenet_synsets.txt").read_text().split()
    lemmas = dict(line.split("\t") for line in (info / "imagenet_synset_to_lemma.txt").read_text().splitlines())
    return [(synset, [name.strip() for name in lemmas[synset].split(",")]) for synset in order]


def class_texts(cache: Path) -> list[list[str]]:
    """For each class its names in prompts, and the names of the two kinds above it in WordNet."""
    nouns = read_nouns(unpacked(cache, "wordnet"))
    texts = []
    for synset, names in class_names():
        offset = int(re.sub(r"\D", "", synset))
        parents = [nouns[parent].words[0] for parent in nouns[offset].hypernyms[:1]] if offset in nouns else []
        spoken = [prompt.format(name.lower()) for name in names[:3] for prompt in PROMPTS]
        texts.append([*spoken, *[f"{names[0].lower()}, a kind of {parent}" for parent in parents]])
    return texts


def load_conse(cache: Path, basis: np.ndarray) -> ConseHead:
    """The head from the trunk's own classifier and the teacher's embeddings, in the 256 values of `basis`."""
    classifier = load_trunk(unpacked(cache, "efficientnet_lite0")).classifier
    teacher = SentenceTeacher(model_folder(unpacked(cache, "minilm")))
    groups = class_texts(cache)
    embedded = torch.from_numpy(teacher.embed([text for group in groups for text in group]) @ basis)
    means = torch.stack([part.mean(0) for part in torch.split(embedded, [len(group) for group in groups])])
    return ConseHead(classifier.weight.detach(), classifier.bias.detach(), functional.normalize(means, dim=-1))
