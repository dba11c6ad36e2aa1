"""A text into noun phrases with their attributes, and what joins them, by a few rules of English.

No grammar of the language: function words and punctuation part a caption well enough, and whatever is not
recognised stays together as one phrase. Every piece knows where in the text it stands.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import regex

from rerank.explain import words as vocabulary

WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:['’.\-][\p{L}\p{M}\p{N}]+)*|[&+|]")
BREAK = regex.compile(r"[,;:.!?()\[\]{}/\n\r\"“”«»、。，；：！？…–—]|\s-\s")
MAX_ATTRIBUTES = 4
Role = Literal["thing", "attribute", "glue"]


@dataclass(frozen=True)
class Word:
    """A word and where it stands; ``plain`` is what the tables know it by, ``breaks`` says that a pause precedes."""

    text: str
    start: int
    end: int
    breaks: bool = False

    @property
    def plain(self) -> str:
        """Lower case, straight apostrophe."""
        return self.text.lower().replace("’", "'")


@dataclass(frozen=True)
class Piece:
    """Words of a phrase that stand or fall together; "glue" is kept only with the pieces around it."""

    role: Role
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Phrase:
    """One thing with its attributes, in the order of the text; ``link`` is what joins it to the one before."""

    pieces: tuple[Piece, ...]
    link: Piece | None = None
    negated: bool = False

    @property
    def start(self) -> int:
        """Where it begins in the text."""
        return self.pieces[0].start

    @property
    def end(self) -> int:
        """Where it ends in the text."""
        return self.pieces[-1].end

    @property
    def thing(self) -> Piece:
        """What the attributes are said of."""
        return next(piece for piece in self.pieces if piece.role == "thing")

    @property
    def attributes(self) -> list[Piece]:
        """What is said of the thing, in order."""
        return [piece for piece in self.pieces if piece.role == "attribute"]


def read_words(text: str) -> list[Word]:
    """The words of ``text``, with their places in it."""
    found, last = [], 0
    for match in WORD.finditer(text):
        breaks = BREAK.search(text, last, match.start()) is not None
        found.append(Word(match[0], match.start(), match.end(), breaks))
        last = match.end()
    return found


def read_phrases(text: str) -> list[Phrase]:
    """The noun phrases of ``text`` in their order; none where it holds no content word."""
    return _Reader(text).phrases()


class _Reader:
    """Goes through a text word by word, collecting those of one phrase until something ends it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = read_words(text)
        self._found: list[Phrase] = []
        self._gathered: list[Word] = []
        self._link: Piece | None = None
        self._negation: Word | None = None
        self._copula: Word | None = None

    def phrases(self) -> list[Phrase]:
        place = self._skip_frame()
        while place < len(self._words):
            place += self._take(place)
        self._close()
        return self._found

    def _skip_frame(self) -> int:
        start = 1 if self._words and self._words[0].plain in vocabulary.DETERMINERS else 0
        return next((start + len(f) for f in vocabulary.FRAMES if self._at(start, f)), 0)

    def _at(self, place: int, sequence: Sequence[str]) -> bool:
        words = self._words[place : place + len(sequence)]
        return [word.plain for word in words] == list(sequence) and not any(word.breaks for word in words[1:])

    def _take(self, place: int) -> int:
        """Read what stands at ``place``; how many words that was."""
        word = self._words[place]
        if word.breaks:
            self._close()
        if skipped := next((len(s) for s in vocabulary.IN_THE_PICTURE if self._at(place, s)), 0):
            self._close()
            return skipped
        if relation := next((len(r) for r in vocabulary.RELATIONS if self._at(place, r)), 0):
            self._relate(self._words[place : place + relation])
            return relation
        plain = word.plain
        if plain == "of" and self._gathered:
            self._gathered.append(word)
        elif plain in vocabulary.CONJUNCTIONS or plain in vocabulary.PRONOUNS or plain == "of":
            self._close()
        elif plain in vocabulary.NEGATIONS:
            self._close_unless_copula()
            self._negation = word
        elif plain in vocabulary.COPULAS:
            self._copula = word if self._gathered else None
            if self._copula:
                self._gathered.append(word)
        elif plain in vocabulary.DETERMINERS:
            self._determine()
        else:
            self._gathered.append(word)
        return 1

    def _determine(self) -> None:
        """An article opens a new phrase, except in "a cup of the coffee" and before anything was said."""
        if self._gathered and self._gathered[-1].plain != "of":
            self._close()

    def _close_unless_copula(self) -> None:
        if self._copula is None or self._gathered[-1:] != [self._copula]:
            self._close()

    def _relate(self, words: Sequence[Word]) -> None:
        self._close()
        start, end = words[0].start, words[-1].end
        if tuple(word.plain for word in words) not in vocabulary.MERE_LINKS and self._found:
            self._link = Piece("glue", self._text[start:end], start, end)

    def _close(self) -> None:
        words, negation, copula, link = self._gathered, self._negation, self._copula, self._link
        self._gathered, self._copula = [], None
        while words and words[-1].plain in vocabulary.COPULAS | {"of"}:
            words = words[:-1]
        if not words:
            self._place()
            return
        self._negation = self._link = None
        if negation is not None:
            start, end = min(negation.start, words[0].start), words[-1].end
            self._found.append(Phrase((Piece("thing", self._text[start:end], start, end),), link, True))
        else:
            self._found.append(Phrase(tuple(self._pieces(words, copula)), link))

    def _place(self) -> None:
        """What joins nothing, as "on the left" at the end, is said of the last thing."""
        if self._link is not None and self._found and not self._found[-1].negated:
            last = self._found[-1]
            said = dataclasses.replace(self._link, role="attribute")
            self._found[-1] = dataclasses.replace(last, pieces=(*last.pieces, said))
        self._link = None

    def _pieces(self, words: list[Word], copula: Word | None) -> list[Piece]:
        if copula is not None and copula in words:
            middle = words.index(copula)
            subject = self._noun(words[:middle])
            said = [self._piece("attribute", group) for group in _grouped(words[middle + 1 :])]
            return [*subject, self._piece("glue", [copula]), *said] if said else subject
        return self._noun(words)

    def _noun(self, words: list[Word]) -> list[Piece]:
        first, last = _head(words)
        before = _grouped(words[:first])
        if len(before) > MAX_ATTRIBUTES:
            spare = len(before) - MAX_ATTRIBUTES + 1
            before = [[word for group in before[:spare] for word in group], *before[spare:]]
        after = [words[last:]] if words[last:] else []
        return [
            *(self._piece("attribute", group) for group in before),
            self._piece("thing", words[first:last]),
            *(self._piece("attribute", group) for group in after),
        ]

    def _piece(self, role: Role, words: Sequence[Word]) -> Piece:
        start, end = words[0].start, words[-1].end
        return Piece(role, self._text[start:end], start, end)


def _head(words: list[Word]) -> tuple[int, int]:
    """Which words name the thing itself, as a range of places: the last noun, with what "of" ties to it."""
    plain = [word.plain for word in words]
    last = len(words)
    if "of" in plain[1:]:
        return plain.index("of", 1) - 1, last
    # "a dog running fast": what follows a participle is said of the dog.
    for place in range(1, len(words)):
        if plain[place].endswith("ing") and plain[place] not in vocabulary.ING_NOUNS and place == len(words) - 1:
            last = place
    first = last - 1
    if first and f"{plain[first - 1]} {plain[first]}" in vocabulary.COMPOUNDS:
        first -= 1
    return first, last


def _grouped(words: list[Word]) -> list[list[Word]]:
    """Attributes word by word, but a shade with its colour and a degree with what it intensifies."""
    groups: list[list[Word]] = []
    open_group = False
    for place, word in enumerate(words):
        following = words[place + 1].plain if place + 1 < len(words) else ""
        if open_group:
            groups[-1].append(word)
        else:
            groups.append([word])
        plain = word.plain
        open_group = bool(following) and (
            plain in vocabulary.DEGREES or (plain in vocabulary.SHADES and following in vocabulary.COLOURS)
        )
    return groups
