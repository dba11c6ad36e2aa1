"""Advice on texts that cannot be verified by looking; needs no model."""

from __future__ import annotations

from rerank.advice import rules
from rerank.advice.types import Advice, AdviceKind

__all__ = ["MAX_WORDS", "Advice", "AdviceKind", "advise"]

# What the bundled model has room for beside its prompt; published ones read more.
MAX_WORDS = 38


def advise(text: str, *, max_words: int = MAX_WORDS) -> list[Advice]:
    """What in ``text`` cannot be verified by looking, in its order; empty for a plain caption.

    Rules and word lists of English: what they do not know goes unnoticed.

    Args:
        text: what is to be held against a picture.
        max_words: how many words the model reads.
    """
    found = [*rules.empty(text)]
    if found:
        return found
    found += rules.language(text)
    if not found:
        for rule in (
            rules.opinions,
            rules.invisible,
            rules.negations,
            rules.fillers,
            rules.numbers,
            rules.questions_and_commands,
            rules.several_sentences,
        ):
            found += rule(text)
    found += rules.long(text, max_words)
    return sorted(_apart(found), key=lambda one: (one.start, one.end))


def _apart(found: list[Advice]) -> list[Advice]:
    """One piece of advice on words that several rules are about: the first rule's."""
    kept: list[Advice] = []
    for one in found:
        whole = one.kind in ("question", "command", "sentences", "long", "language")
        if whole or not any(one.start < other.end and other.start < one.end for other in kept):
            kept.append(one)
    return kept
