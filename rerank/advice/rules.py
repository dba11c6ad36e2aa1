"""The rules of advice: each finds what it is about and says what to write instead."""

from __future__ import annotations

from collections.abc import Iterator

import regex

from rerank.advice import tables
from rerank.advice.language import foreign_language, other_script
from rerank.advice.types import Advice

# More things of a kind than these models count.
COUNTABLE = 10
_OPINION = regex.compile(rf"\b(?:{'|'.join(tables.OPINIONS)})\b", regex.IGNORECASE)
_INVISIBLE = [(what, regex.compile(pattern, regex.IGNORECASE)) for what, pattern in tables.INVISIBLE]
_NEGATION = regex.compile(rf"\b{tables.NEGATIONS}\b", regex.IGNORECASE)
_FILLER = regex.compile(rf"\b{tables.FILLERS}(?!\w)", regex.IGNORECASE)
_QUESTION = regex.compile(rf"\s*(?:{tables.QUESTION_STARTS})", regex.IGNORECASE)
_COMMAND = regex.compile(rf"\s*{tables.COMMAND_STARTS}", regex.IGNORECASE)
_NUMBER = regex.compile(
    rf"\b(?:(\d{{1,3}}(?:[.,]\d{{3}})+|\d+)(?=\s+(?:\p{{L}}+s|people|children|men|women|sheep|fish)\b)|{tables.NUMBER_WORDS})\b",
    regex.IGNORECASE,
)
_SENTENCE = regex.compile(r"[^.!?\n]*[^.!?\n\s](?:(?:[.!?](?=\S)|[^.!?\n])*)(?:[.!?]+|\n|$)")
_WORD = regex.compile(r"\S+")
_PLAIN = regex.compile(r"[\p{L}\p{M}\p{N}]+")


def empty(text: str) -> Iterator[Advice]:
    """Nothing said that could be looked for."""
    words = [word.lower() for word in _PLAIN.findall(text)]
    if all(word in tables.SAYS_NOTHING for word in words):
        yield Advice("empty", 0, len(text), "Nothing here can be looked for: name a thing, such as “a red hat”.")


def opinions(text: str) -> Iterator[Advice]:
    """Praise and blame."""
    for found in _OPINION.finditer(text):
        yield _about(found, "opinion", "“{}” is an opinion, which no picture proves: leave it out.")


def invisible(text: str) -> Iterator[Advice]:
    """Facts that cannot be seen."""
    for what, pattern in _INVISIBLE:
        for found in pattern.finditer(text):
            yield _about(found, "invisible", f"“{{}}” is {what}, which cannot be seen: leave it out.")


def negations(text: str) -> Iterator[Advice]:
    """What is said not to be there."""
    for found in _NEGATION.finditer(text):
        yield _about(found, "negation", "“{}”: models read negations badly. Say what is there instead.")


def fillers(text: str) -> Iterator[Advice]:
    """Words that say nothing."""
    for found in _FILLER.finditer(text):
        yield _about(found, "filler", "“{}” says nothing that could be looked for: leave it out.")


def numbers(text: str) -> Iterator[Advice]:
    """Counts beyond counting."""
    for found in _NUMBER.finditer(text):
        digits = found[1]
        if digits is None or int(regex.sub(r"\D", "", digits)) > COUNTABLE:
            yield _about(found, "number", f"“{{}}”: counts above {COUNTABLE} are guesswork. Write “many”.")


def questions_and_commands(text: str) -> Iterator[Advice]:
    """Sentences that state nothing."""
    for start, end in sentences(text):
        said = text[start:end]
        if said.rstrip().endswith("?") or _QUESTION.match(said):
            yield Advice("question", start, end, "This asks; state what the picture should show, as “a red hat”.")
        elif _COMMAND.match(said):
            yield Advice("command", start, end, "This commands; state what the picture should show, as “a red hat”.")


def several_sentences(text: str) -> Iterator[Advice]:
    """More than one statement."""
    found = sentences(text)
    if len(found) > 1:
        message = f"{len(found)} sentences get one verdict together: check them one by one."
        yield Advice("sentences", found[1][0], found[-1][1], message)


def long(text: str, max_words: int) -> Iterator[Advice]:
    """More words than the model reads."""
    words = list(_WORD.finditer(text))
    if len(words) > max_words:
        message = f"The model reads about {max_words} words, up to “{words[max_words - 1][0]}”; the rest is cut off."
        yield Advice("long", words[max_words].start(), words[-1].end(), message)


def language(text: str) -> Iterator[Advice]:
    """Other languages than the models'."""
    place = other_script(text)
    if place is not None:
        yield Advice("language", *place, "The models read English; this is another script. Translate it.")
    elif name := foreign_language(text):
        yield Advice("language", 0, len(text), f"The models read English; this looks like {name}. Translate it.")


def sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence of at least two words begins and ends."""
    found = []
    for match in _SENTENCE.finditer(text):
        said = match[0].strip()
        if len(_PLAIN.findall(said)) > 1:
            start = match.start() + len(match[0]) - len(match[0].lstrip())
            found.append((start, start + len(said)))
    return found


def _about(found: regex.Match[str], kind: str, message: str) -> Advice:
    return Advice(kind, found.start(), found.end(), message.format(found[0]))  # type: ignore[arg-type]
