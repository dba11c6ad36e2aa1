"""Whether a text is English at all: by its script, then by its small words."""

from __future__ import annotations

from collections import Counter

import regex

from rerank.advice.tables import ENGLISH, FOREIGN

LETTER = regex.compile(r"\p{L}")
LATIN = regex.compile(r"\p{Latin}")
OTHER_SCRIPT = regex.compile(r"[\p{L}--\p{Latin}][\p{L}\p{M}\p{N}\s]*", regex.V1)
WORD = regex.compile(r"[\p{L}\p{M}]+")
LEAST_SHARE = 0.3
LEAST_WORDS = 2


def other_script(text: str) -> tuple[int, int] | None:
    """Where letters that are not Latin begin and end, when they are more than a share of all."""
    letters = LETTER.findall(text)
    latin = sum(LATIN.match(letter) is not None for letter in letters)
    if not letters or 1.0 - latin / len(letters) < LEAST_SHARE:
        return None
    found = list(OTHER_SCRIPT.finditer(text))
    return found[0].start(), found[-1].start() + len(found[-1][0].rstrip())


def foreign_language(text: str) -> str | None:
    """The language whose small words outnumber the English ones; a guess, and None for a few words without any."""
    words = WORD.findall(text.lower())
    english = sum(word in ENGLISH for word in words)
    hits = Counter({name: sum(word in table for word in words) for name, table in FOREIGN.items()})
    name, most = hits.most_common(1)[0]
    return name if most >= LEAST_WORDS and most > english else None
