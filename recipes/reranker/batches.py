"""Training batches: pictures with sampled hypotheses about each, planned ahead by a process of their own.

A process, not a thread: sampling is Python all through, and would hold the interpreter's lock between every
two operations of the model.
"""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from indexer.samples.types import Item
from recipes.reranker.architecture import GRID, TASK
from recipes.reranker.concepts import ConceptWorld, Hypernyms
from recipes.reranker.contrast import Neighbours, contrasts
from recipes.reranker.drawn import Record, scene_of
from recipes.reranker.features import open_features
from recipes.reranker.grounding import LABEL_TABLES, UNKNOWN, Mark, labels_of, marks
from recipes.reranker.hypotheses import VERDICTS, Hypothesis, hypotheses
from recipes.sources import unpacked
from rerank.ofa.preprocess import text_to_tokens
from rerank.ofa.tokenizer import Tokenizer

PAD = 1
SHORT = 17  # tokens, eight of them the prompt's
LONG_SHARE = 0.2
NAMED = 0.34  # share of named pictures, after the beginning
BEGINNING = 0.1  # of the training, with contrasts of single items only
Row = tuple[bool, int]  # whether among the named pictures, and which


@dataclass(frozen=True)
class Plan:
    """Which pictures, with the tokens, labels and marked words of each one's texts."""

    rows: list[Row]
    tokens: list[list[list[int]]]
    labels: list[list[int]]
    marks: list[list[list[Mark]]]


@dataclass(frozen=True)
class Batch:
    """Features (pictures, cells, channels) in fp16, tokens (pictures, texts, length), labels (pictures, texts).

    ``where`` (pictures, 2, cells) and ``shown`` (pictures, 2, 4) say what stands where, -1 where nothing is known;
    ``marked`` (marks, 2) and ``meant`` (marks, 7) say which rows of which texts speak of what (``grounding``).
    """

    features: Tensor
    tokens: Tensor
    labels: Tensor
    where: Tensor
    shown: Tensor
    marked: Tensor
    meant: Tensor


class Sampler:
    """Picks pictures of three sorts in changing shares, and hypotheses about them."""

    def __init__(self, cache: Path, drawn: str, named: str) -> None:
        root = cache / "reranker"
        self.tokenizer = Tokenizer.from_directory(root / "vocabulary")
        self.drawn = open_features(root / "features" / drawn)
        self.others = open_features(root / "features" / named)
        concepts = [record["concept"] for record in self.others.records]
        self.concepts = {concept: n for n, concept in enumerate(sorted(set(concepts)))}
        self.world = ConceptWorld(self.others.records, Hypernyms(unpacked(cache, "wordnet"), concepts))
        done = np.flatnonzero(self.drawn.done).tolist()
        items = {n: len(self.drawn.records[n]["scene"]["items"]) for n in done}
        self.single: list[Row] = [(False, n) for n in done if items[n] == 1]
        self.double: list[Row] = [(False, n) for n in done if items[n] == 2]
        self.neighbours = Neighbours({n: scene_of(self.drawn.records[n]) for _, n in self.single})
        seeds = {n: self.drawn.records[n]["scene"]["seed"] for _, n in self.double}
        neighbours = ((n, other) for n in seeds for other in (n - 1, n + 1))
        self.twins = {n: other for n, other in neighbours if seeds.get(other) == seeds[n]}
        self.named: list[Row] = [(True, n) for n in np.flatnonzero(self.others.done).tolist()]

    def plan(self, rng: random.Random, pictures: int, texts: int, shares: tuple[float, float, float]) -> Plan:
        """A batch; ``shares`` of single items, of two items, of named pictures."""
        long = shares[1] > 0 and rng.random() < LONG_SHARE
        count = max(2, texts // 2) if long else texts
        rows: list[Row] = []
        groups: list[list[Hypothesis]] = []
        while len(rows) < pictures:
            pool = rng.choices((self.single, self.double, self.named), shares)[0]
            pair = self._pair(pool, rng)
            contrasted = self._contrasts(pair, rng, count if shares[1] == 0 else count // 2, long=long)
            for row, group in zip(pair, contrasted, strict=True):
                rows.append(row)
                groups.append(group + self._of_length(row, rng, count - len(group), long=long))
        return self.plan_rows(rows, groups)

    def _pair(self, pool: list[Row], rng: random.Random) -> tuple[Row, Row]:
        """Two pictures of a sort that are worth telling apart: a scene and its twin, likely items, any two names."""
        first = rng.choice(pool)
        if pool is self.double:
            twin = self.twins.get(first[1])
            return first, (False, twin) if twin is not None and rng.random() < 0.7 else rng.choice(pool)
        if pool is self.single:
            near = self.neighbours.of(first[1], rng)
            return first, rng.choice(pool) if near is None else (False, near)
        return first, rng.choice(pool)

    def _contrasts(
        self, pair: tuple[Row, Row], rng: random.Random, count: int, *, long: bool
    ) -> tuple[list[Hypothesis], list[Hypothesis]]:
        if pair[0][0]:
            records = (self.others.records[pair[0][1]], self.others.records[pair[1][1]])
            found = self.world.contrasts(records, rng, count)
        else:
            scenes = (scene_of(self.drawn.records[pair[0][1]]), scene_of(self.drawn.records[pair[1][1]]))
            found = contrasts(scenes, rng, count)
        kept = [n for n, one in enumerate(found[0]) if (len(self.tokens(one)) > SHORT) == long]
        return [found[0][n] for n in kept], [found[1][n] for n in kept]

    def _of_length(self, row: Row, rng: random.Random, count: int, *, long: bool) -> list[Hypothesis]:
        """Hypotheses that are all long or all short: a batch is padded to its longest."""
        found: list[Hypothesis] = []
        while len(found) < count:
            made = self.hypotheses(row, rng, count)
            found += [one for one in made if (len(self.tokens(one)) > SHORT) == long]
        return found[:count]

    def plan_rows(self, rows: list[Row], texts: Sequence[Sequence[Hypothesis]]) -> Plan:
        """The given pictures with the given hypotheses, equally many for each."""
        tokens = [[self.tokens(one) for one in group] for group in texts]
        labels = [[VERDICTS.index(one.label) for one in group] for group in texts]
        found = [
            [self._marks(row, one, ids) for one, ids in zip(group, known, strict=True)]
            for row, group, known in zip(rows, texts, tokens, strict=True)
        ]
        return Plan(rows, tokens, labels, found)

    def _marks(self, row: Row, hypothesis: Hypothesis, tokens: list[int]) -> list[Mark]:
        named, n = row
        return [] if named else marks(hypothesis, tokens, scene_of(self.drawn.records[n]), self.tokenizer)

    def hypotheses(self, row: Row, rng: random.Random, count: int) -> list[Hypothesis]:
        """Hypotheses about the picture of a row."""
        named, n = row
        if named:
            return self.world.hypotheses(self.others.records[n], rng, count)
        return hypotheses(scene_of(self.drawn.records[n]), rng, count)

    def tokens(self, hypothesis: Hypothesis) -> list[int]:
        """The prompt as token ids, exactly as at inference."""
        return text_to_tokens(hypothesis.text, hypothesis.premise, TASK, self.tokenizer, (0, 2))

    def batch(self, plan: Plan) -> Batch:
        """The planned batch as tensors."""
        length = max(len(ids) for group in plan.tokens for ids in group)
        padded = [[ids + [PAD] * (length - len(ids)) for ids in group] for group in plan.tokens]
        sets = [(self.others if named else self.drawn, n) for named, n in plan.rows]
        places = [picture_labels(features.records[n], self.concepts) for features, n in sets]
        return Batch(
            torch.from_numpy(np.stack([features.features[n] for features, n in sets])),
            torch.tensor(padded),
            torch.tensor(plan.labels),
            torch.from_numpy(np.stack([where for where, _ in places])),
            torch.tensor([shown for _, shown in places]),
            *_marked(plan),
        )


def _marked(plan: Plan) -> tuple[Tensor, Tensor]:
    """Text and row of each mark, and its labels."""
    texts = [found for group in plan.marks for found in group]
    where = [(n, mark.row) for n, found in enumerate(texts) for mark in found]
    labels = [(*mark.seen, *mark.said, mark.verdict) for found in texts for mark in found]
    return torch.tensor(where).view(-1, 2).long(), torch.tensor(labels).view(-1, 2 * len(LABEL_TABLES) + 1).long()


def picture_labels(record: Record, concepts: Mapping[str, int]) -> tuple[NDArray[np.bool_], list[list[int]]]:
    """Which cells show which item, by kind, colour and finish, or which concept.

    The cells between two items belong to neither.
    """
    where = np.zeros((2, GRID, GRID), dtype=np.bool_)
    shown = [[UNKNOWN] * (len(LABEL_TABLES) + 1) for _ in range(2)]
    if "scene" not in record:
        where[:] = True
        shown[0][-1] = concepts[record["concept"]]
        if record["colour"] in LABEL_TABLES[1]:
            shown[0][1] = LABEL_TABLES[1].index(record["colour"])
        return where.reshape(2, -1), shown
    items, layout = record["scene"]["items"], record["scene"]["layout"]
    half = GRID // 2
    parts: Any = {"single": [np.s_[:, :]] * 2, "beside": [np.s_[:, :half], np.s_[:, -half:]],
             "above": [np.s_[:half], np.s_[-half:]]}[layout]  # fmt: skip
    for place, part in enumerate(parts):
        where[place][part] = True
    for place, item in enumerate(items):
        shown[place] = [*labels_of(Item(**item)), UNKNOWN]
    return where.reshape(2, -1), shown


def shares(progress: float) -> tuple[float, float, float]:
    """Of single items, of two items, of named pictures: single items first, then ever more scenes of two."""
    if progress < BEGINNING:
        return 1.0, 0.0, 0.0
    double = 0.05 + 0.35 * min(1.0, (progress - BEGINNING) / 0.2)
    return 1.0 - NAMED - double, double, NAMED


def _plan_on(cache: Path, seed: str, size: tuple[int, int], progress: Any, plans: Any) -> None:
    sampler, rng = Sampler(cache, "train", "named"), random.Random(seed)
    while True:
        plans.put(sampler.plan(rng, *size, shares(progress.value)))


def planned(cache: Path, seed: str, size: tuple[int, int], progress: Any) -> Iterator[Plan]:
    """Plans of ``size`` (pictures, texts) without end; ``progress`` is a shared double that steers the shares."""
    context = multiprocessing.get_context("spawn")
    plans: Any = context.Queue(maxsize=12)
    context.Process(target=_plan_on, args=(cache, seed, size, progress, plans), daemon=True).start()
    while True:
        yield plans.get()
