"""Queries, and which images of a collection answer each: what an evaluation is measured against."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rerank.errors import InputError
from retrieval.collection import Collection
from retrieval.errors import ImageNotFound
from retrieval.evaluation.captions import USUAL_COLUMNS, Caption, Columns, Problem, read_captions
from retrieval.evaluation.images import ImageFinder, image_finder


@dataclass(frozen=True)
class Query:
    """A text and the grade of every image that answers it, above 0; ``data_set`` is the part it is reported in."""

    text: str
    relevance: Mapping[str, float]
    data_set: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A query that no image of the collection answers."""

    text: str
    data_set: str = ""


@dataclass(frozen=True)
class Judgements:
    """The queries of a table of captions; ``problems`` are the rows that could not be used.

    ``drawn_from`` is how many queries there were when only a sample of them is asked.
    """

    queries: tuple[Query, ...]
    rows: int = 0
    problems: tuple[Problem, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    drawn_from: int | None = None

    def sample(self, most: int, seed: int = 0) -> Judgements:
        """At most this many queries of each data set, drawn at random; the same ``seed`` draws the same."""
        if most < 1:
            raise InputError(f"a sample needs at least 1 query, not {most}")
        parts: dict[str, list[int]] = {}
        for place, query in enumerate(self.queries):
            parts.setdefault(query.data_set, []).append(place)
        chosen: set[int] = set()
        for places in parts.values():
            # Not for secrets.
            chosen.update(random.Random(seed).sample(places, min(most, len(places))))  # noqa: S311
        kept = [query for place, query in enumerate(self.queries) if place in chosen]
        if len(kept) == len(self.queries):
            return self
        return replace(self, queries=tuple(kept), drawn_from=len(self.queries))


def read_judgements(
    path: Path, collection: Collection, *, columns: Columns = USUAL_COLUMNS, images: Path | None = None
) -> Judgements:
    """The queries of a CSV file over a collection.

    Paths in it are looked up in ``images``, else beside the file; then in the collection's folders.

    Raises:
        InputError: the file cannot be read, or none of its queries can be asked.
    """
    captions, problems = read_captions(path, columns)
    with image_finder(collection, [images or path.parent]) as finder:
        found = judge(captions, finder)
    every = sorted([*problems, *found.problems], key=lambda problem: problem.line)
    if not found.queries:
        raise InputError(_nothing(path, found, every))
    return replace(found, rows=len(captions) + len(problems), problems=tuple(every))


def _nothing(path: Path, found: Judgements, problems: Sequence[Problem]) -> str:
    if problems:
        first = problems[0]
        return f"{path}: no row can be used ({len(problems)} wrong); line {first.line}: {first.reason}"
    if found.left_out:
        return f"{path}: every relevance is 0; give the images that answer a query a number above 0"
    return f"{path}: has a header and no rows; write one row for each image and caption"


def judge(captions: Iterable[Caption], finder: ImageFinder) -> Judgements:
    """Rows as queries: each caption of a data set once, answered by every image that bears it there."""
    answers: dict[tuple[str, str], dict[str, tuple[float, int]]] = {}
    problems: list[Problem] = []
    for row in captions:
        known = answers.setdefault((row.data_set, row.caption), {})
        try:
            image = finder.find(row.image)
        except ImageNotFound as error:
            problems.append(Problem(row.line, str(error)))
            continue
        grade, line = known.setdefault(image, (row.relevance, row.line))
        if grade != row.relevance:
            problems.append(
                Problem(row.line, f"relevance is {row.relevance:g}, but {grade:g} for the same image on line {line}")
            )
    queries, left_out = [], []
    for (data_set, text), known in answers.items():
        relevance = {image: grade for image, (grade, _) in known.items() if grade > 0.0}
        if relevance:
            queries.append(Query(text, relevance, data_set))
        else:
            left_out.append(LeftOut(text, data_set))
    return Judgements(tuple(queries), problems=tuple(problems), left_out=tuple(left_out))


def group_queries(captions: Iterable[tuple[str, str]]) -> list[Query]:
    """Queries from (image id, caption) rows: each caption once, answered by every image that bears it."""
    images: dict[str, dict[str, float]] = {}
    for image, caption in captions:
        images.setdefault(caption, {})[image] = 1.0
    return [Query(caption, relevance) for caption, relevance in images.items()]
