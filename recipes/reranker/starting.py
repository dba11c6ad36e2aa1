"""The untrained reranker: words start from a sentence encoder, picture features from their ImageNet meaning."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recipes.reranker.architecture import ofa_config
from recipes.reranker.features import FeatureSet
from recipes.reranker.packed import keep_apart
from recipes.reranker.trunk import classifier_and_trunk
from recipes.sentence_teacher import SentenceTeacher, leading_directions, model_folder
from recipes.sources import unpacked
from rerank.ofa.attention import Attention
from rerank.ofa.model import OFAModel
from rerank.ofa.tokenizer import Tokenizer

FINAL_MAP = 1280
LIKENESS = 0.8
NEARBY = (2.0, 1.5, 1.0)


def feature_statistics(drawn: FeatureSet, named: FeatureSet | None, *, pictures: int = 600) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each stem channel over some pictures of both sorts."""
    parts = []
    for features in (drawn, named) if named is not None else (drawn,):
        rows = np.flatnonzero(features.done)
        chosen = rows[:: max(1, len(rows) // (pictures // 2))]
        parts.append(np.asarray(features.features[chosen], dtype=np.float32).reshape(-1, features.features.shape[-1]))
    values = torch.from_numpy(np.concatenate(parts))
    return values.mean(dim=0), values.std(dim=0).clamp(min=1e-2)


def word_vectors(cache: Path, tokenizer: Tokenizer, width: int) -> tuple[Tensor, NDArray[np.float32], SentenceTeacher]:
    """A row of norm 1 for every token, by the sentence teacher where it is a word; the basis; the teacher."""
    teacher = SentenceTeacher(model_folder(unpacked(cache, "minilm")))
    whole = [(token[1:], number) for token, number in tokenizer.vocabulary.items() if token[:1] == "Ġ"]
    words = {word: number for word, number in whole if word.isalpha()}
    embedded = teacher.embed(list(words))
    basis = leading_directions(embedded - embedded.mean(axis=0), width)
    rows = torch.nn.functional.normalize(torch.randn(len(tokenizer.vocabulary), width), dim=-1)
    reduced = torch.from_numpy((embedded - embedded.mean(axis=0)) @ basis)
    rows[list(words.values())] = torch.nn.functional.normalize(reduced, dim=-1)
    return rows, basis, teacher


def meaning_of_features(cache: Path, basis: NDArray[np.float32], teacher: SentenceTeacher) -> Tensor:
    """(width, 1280): final-map features to the words of ImageNet's classes, by its classifier."""
    from timm.data.imagenet_info import ImageNetInfo

    classifier, _ = classifier_and_trunk(cache)
    names = [name.split(",")[0] for name in ImageNetInfo("imagenet-1k").label_descriptions()]
    embedded = teacher.embed(names)
    classes = torch.from_numpy((embedded - embedded.mean(axis=0)) @ basis)
    return classes.T @ (classifier - classifier.mean(dim=0))


@torch.no_grad()
def build_model(cache: Path, tokenizer: Tokenizer, deviation: Tensor, seed: int) -> OFAModel:
    """The model before training; its ``image_proj`` expects standardised features, its stem is not loaded."""
    torch.manual_seed(seed)
    config = ofa_config(len(tokenizer.vocabulary))
    model = OFAModel(config)
    for module in model.modules():
        if isinstance(module, torch.nn.Embedding):
            torch.nn.init.normal_(module.weight, std=config.d_model**-0.5 if module.embedding_dim > 8 else 0.02)
    words, basis, teacher = word_vectors(cache, tokenizer, config.d_model)
    model.embed_tokens.weight.copy_(words)
    projection = model.encoder.image_proj
    torch.nn.init.normal_(projection.weight, std=projection.in_features**-0.5)
    meaning = meaning_of_features(cache, basis, teacher) * deviation[-FINAL_MAP:]
    projection.weight[:, -FINAL_MAP:] += meaning / meaning.norm(dim=1).mean()
    projection.bias.zero_()
    for layer in model.encoder.layers:
        _look_for_likeness(layer.self_attn)  # type: ignore[arg-type]
    for layer in model.decoder.layers:
        _look_for_likeness(layer.cross_attn)  # type: ignore[arg-type]
    listen_nearby(model)
    keep_apart(model)
    return model


@torch.no_grad()
def listen_nearby(model: OFAModel) -> None:
    """In all layers but the last, a word's first head leans to the words before it, its second to those after it.

    Which colour is said of which thing is a matter of who stands next to whom.
    """
    for table in list(model.encoder.token_rel_pos_table_list)[:-1]:
        weight = cast(torch.nn.Embedding, table).weight
        middle = len(weight) // 2
        for distance, bias in enumerate(NEARBY, start=1):
            weight[middle + distance, 0] += bias
            weight[middle - distance, 1] += bias


def _look_for_likeness(attention: Attention) -> None:
    """Equal queries and keys: at first, rows look at rows that are like them. From there words find what they name."""
    torch.nn.init.orthogonal_(attention.q_proj.weight, gain=LIKENESS)
    attention.k_proj.weight.copy_(attention.q_proj.weight)
    attention.q_proj.bias.zero_()
    attention.k_proj.bias.zero_()


@torch.no_grad()
def fold_statistics(model: OFAModel, mean: Tensor, deviation: Tensor) -> None:
    """Let ``image_proj`` take raw features: the standardisation goes into its weights."""
    projection = model.encoder.image_proj
    projection.weight.div_(deviation)
    projection.bias.sub_(projection.weight @ mean)
