"""From places in a ranking to hits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from retrieval.ranking import Place, Ranked
from retrieval.types import Hit, ImageRecord


def hit_of(record: ImageRecord, place: Place, duplicates: tuple[str, ...] = ()) -> Hit:
    """The hit for a place, judged or not; ``duplicates`` are those of the place that still are there."""
    path = record.paths[0] if record.paths else ""
    base = Hit(
        record.id,
        path,
        place.score,
        place.similarity,
        record.width,
        record.height,
        caption=record.caption,
        duplicates=duplicates,
    )
    if place.verdict is None:
        return base
    return replace(
        base,
        entailment=place.verdict.entailment,
        neutral=place.verdict.neutral,
        contradiction=place.verdict.contradiction,
        label=place.verdict.label,
        negative_entailment=place.negative,
    )


def hits_from(
    ranked: Ranked, offset: int, most: int, records_of: Callable[[Sequence[str]], dict[str, ImageRecord]]
) -> tuple[tuple[Hit, ...], int]:
    """Up to ``most`` hits from place ``offset`` on, less what is gone since, and at which place the next begin.

    ``records_of`` gives the records of those images that still are there.
    """
    hits: list[Hit] = []
    while len(hits) < most and offset < len(ranked.places):
        places = ranked.places[offset : offset + most - len(hits)]
        records = records_of([image for one in places for image in (one.id, *one.duplicates)])
        hits += [
            hit_of(records[one.id], one, tuple(image for image in one.duplicates if image in records))
            for one in places
            if one.id in records
        ]
        offset += len(places)
    return tuple(hits), offset
