"""One index of all pictures the recipes train and evaluate on: `python -m recipes.pictures`.

Writes CACHE/pictures/index.jsonl, one `Picture` a line, and the pictures beside it; `read_index` reads it.
Every picture is RGB on white, its longest side at most 320 px. Kinds of picture:

    emoji       Noto, Noto v1, FxEmoji, Fluent in four styles (train); Twemoji, OpenMoji (evaluate)
    clipart     Open Clip Art Library, titles cleaned
    recoloured  emoji and clip-art of one dominant hue, turned into a nameable colour: "a green apple";
                `concept` is the thing without its colour, `colour` the colour
    icon        things among Iconify's free icons, most of one colour (train)
    photo       Tux Paint stamps, GCompris pictures (evaluate)

(Drawn scenes are not files: `recipes.reranker.features` draws and encodes them in one go, and
`recipes.drawn_maps` describes them as pictures of kind "drawn" with their `scene`.)

`role` says whether a picture may be trained on at all. `split` is "train", "validation" or "test" and goes
by *concept*, the same on every machine and across sources: a concept of "test" is in no training picture of
any source. For recoloured pictures it goes by (colour, concept), so that both are known and the pair is new;
for drawn ones by `indexer.samples.is_held_out`. Photos are all "test".

`captions[0]` is the picture's own name, the rest are other names for it. `alpha`, where given, is the mask
of the drawing (L, same size), for putting it on another background.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from recipes.sources import DEFAULT_CACHE

Kind = Literal["emoji", "clipart", "icon", "recoloured", "drawn", "imagined", "photo"]
Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Picture:
    """One labelled picture; paths are relative to the index's folder."""

    path: str
    captions: tuple[str, ...]
    concept: str
    source: str
    kind: Kind
    role: Literal["train", "evaluate"]
    split: Split
    colour: str = ""
    alpha: str = ""
    scene: dict[str, Any] | None = None


def split_of(key: str, *, test: int = 10, validation: int = 5) -> Split:
    """Where a concept belongs: `test` per cent are test, `validation` per cent validation; fixed by a hash."""
    draw = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % 100
    if draw < test:
        return "test"
    return "validation" if draw < test + validation else "train"


def concept_of(name: str) -> str:
    """The key of a name: lower case, words only."""
    return re.sub(r"[^a-z0-9]+", " ", name.lower()).strip()


def folder_of(cache: Path) -> Path:
    return cache / "pictures"


def write_index(path: Path, pictures: Iterable[Picture]) -> None:
    """Write JSONL aside, then rename: a reader never sees half an index."""
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as lines:
        for picture in pictures:
            lines.write(json.dumps(dataclasses.asdict(picture)) + "\n")
    partial.replace(path)


def read_lines(path: Path) -> Iterator[Picture]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            fields = json.loads(line)
            yield Picture(**{**fields, "captions": tuple(fields["captions"])})


def read_index(cache: Path) -> list[Picture]:
    """All pictures, in a fixed order."""
    return list(read_lines(folder_of(cache) / "index.jsonl"))


def held_out(pictures: Sequence[Picture]) -> set[frozenset[str]]:
    """The words of every concept that is kept out of training."""
    return {frozenset(words_of(p.concept)) for p in pictures if p.split != "train" and p.kind in ("emoji", "clipart")}


def words_of(concept: str) -> list[str]:
    return [re.sub(r"ies$", "y", word).removesuffix("s") for word in concept.split()]


def names_held_out(picture: Picture, kept_out: set[frozenset[str]]) -> bool:
    """Whether a picture shows something kept out under a longer name: "fruit cherries" where cherries are."""
    words = frozenset(words_of(picture.concept))
    parts = (frozenset(part) for size in (1, 2, 3) for part in combinations(sorted(words), size))
    return any(part in kept_out for part in parts)


def main() -> None:
    from recipes import clipart, emoji, icons, photos, recolour  # here, since they import Picture from this module

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    folder = folder_of(options.cache)
    folder.mkdir(parents=True, exist_ok=True)
    stages: dict[str, Callable[[], Iterable[Picture]]] = {
        "emoji": lambda: emoji.pictures(options.cache, options.workers),
        "clipart": lambda: clipart.pictures(options.cache, options.workers),
        "photos": lambda: photos.pictures(options.cache, options.workers),
        "recoloured": lambda: recolour.pictures(folder, options.workers),
        "icons": lambda: icons.pictures(options.cache, options.workers),
        "styles": lambda: emoji.pictures(options.cache, options.workers, emoji.STYLES),
    }
    for name, make in stages.items():
        part = folder / f"{name}.jsonl"
        if not part.exists():
            write_index(part, make())
        print(name, dict(Counter(f"{p.source} {p.split}" for p in read_lines(part))), flush=True)
    write_index(folder / "index.jsonl", [p for name in stages for p in read_lines(folder / f"{name}.jsonl")])


if __name__ == "__main__":
    main()
