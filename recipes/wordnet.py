"""Nouns of WordNet 3.0, read straight from its database file (format: man 5 wndb)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# Lexicographer file numbers whose nouns can be seen in a picture.
CONCRETE = {5: "animal", 6: "artifact", 8: "body", 13: "food", 17: "object", 18: "person", 20: "plant", 27: "substance"}
# Nouns that can sensibly be given a colour or a material.
COLOURABLE = {5, 6, 13, 20}


@dataclass(frozen=True)
class Synset:
    """One noun meaning: its words, its definition, and the offsets of what it is a kind of."""

    offset: int
    category: int
    words: tuple[str, ...]
    gloss: str
    hypernyms: tuple[int, ...]


def parse_synset(line: str) -> Synset:
    """One line of `data.noun`: offset lex_filenum ss_type w_cnt word lex_id ... p_cnt pointers | gloss."""
    data, _, gloss = line.partition("|")
    fields = data.split()
    word_count = int(fields[3], 16)
    words = tuple(fields[4 + 2 * i].replace("_", " ") for i in range(word_count))
    start = 4 + 2 * word_count
    pointers = [fields[start + 1 + 4 * i : start + 5 + 4 * i] for i in range(int(fields[start]))]
    hypernyms = tuple(int(target) for symbol, target, _, _ in pointers if symbol in ("@", "@i"))
    definition = re.sub(r"\([^)]*\)", "", gloss.split(";")[0]).strip().strip('"')
    return Synset(int(fields[0]), int(fields[1]), words, re.sub(r"\s+", " ", definition), hypernyms)


def read_nouns(folder: Path) -> dict[int, Synset]:
    """All noun synsets by offset; `folder` is where the `wordnet` source was unpacked."""
    path = folder / "usr" / "share" / "wordnet" / "data.noun"
    with path.open(encoding="utf-8") as lines:
        synsets = [parse_synset(line) for line in lines if not line.startswith("  ")]
    return {synset.offset: synset for synset in synsets}


def first_senses(folder: Path) -> dict[str, int]:
    """The offset of each noun's most frequent meaning, by its lower-case name."""
    path = folder / "usr" / "share" / "wordnet" / "index.noun"
    with path.open(encoding="utf-8") as lines:
        rows = [line.split() for line in lines if not line.startswith("  ")]
    return {row[0].replace("_", " "): int(row[-int(row[2])]) for row in rows}
