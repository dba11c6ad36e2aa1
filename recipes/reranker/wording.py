"""Phrases in words: articles, frames, and modifiers that no picture can prove."""

from __future__ import annotations

import random

from recipes.reranker.truth import Phrase

MASS = {"clothing", "clothes", "footwear", "outerwear", "headwear", "eyewear", "handwear", "legwear", "hosiery",
        "luggage", "crockery", "accessories"}  # fmt: skip
FRAMES = (
    "a picture of {}", "a photo of {}", "an image of {}", "a drawing of {}", "there is {}", "this is {}",
    "the picture shows {}", "{} in the picture", "it shows {}", "we see {}", "one can see {}", "here is {}",
)  # fmt: skip
# Of one kind each, so that two of a group exclude each other where a premise names one.
BEFORE = (
    ("expensive", "cheap", "affordable", "overpriced"),
    ("italian", "french", "japanese", "american", "turkish", "swedish"),
    ("brand new", "second hand", "vintage", "used"),
    ("handmade", "factory made", "designer", "branded"),
    ("cotton", "silk", "linen", "polyester", "nylon", "organic"),
    ("my", "his", "her", "our teacher's", "grandmother's", "somebody's"),
    ("favourite", "borrowed", "stolen", "forgotten", "lucky"),
    ("warm", "waterproof", "comfortable", "itchy"),
)
AFTER = (
    ("made in italy", "made in china", "made in portugal", "made in vietnam"),
    ("for 30 euros", "for 100 dollars", "on sale", "at half price"),
    ("in size medium", "in size large", "in size 42", "for a tall person"),
    ("for men", "for women", "for children"),
    ("bought in paris", "bought last year", "ordered online", "from last season"),
    ("that belongs to a student", "owned by a nurse", "worn by a musician", "left by a guest"),
    ("loved by everyone", "nobody likes", "that makes people happy"),
)
ASIDES = (
    "it is raining outside", "the owner is happy", "the owner is tired", "it is monday morning",
    "somebody is about to buy it", "the shop closes at six", "it was a birthday present",
    "the picture was taken in spring",
    "this costs more than 50 euros", "the photographer is a beginner", "it has been washed recently",
)  # fmt: skip


def with_article(noun: str) -> str:
    """``noun`` with a or an; plurals and mass nouns stay bare."""
    last = noun.split()[-1]
    if last in MASS or (last.endswith("s") and not last.endswith(("ss", "us"))):
        return noun
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def in_words(phrase: Phrase, rng: random.Random, *, article: bool | None = None) -> str:
    """The phrase as a noun phrase; ``article`` None leaves it to chance."""
    words = [phrase.colour, phrase.finish]
    if phrase.colour and phrase.finish and rng.random() < 0.12:
        words.reverse()
    if not phrase.kind:
        bare = " ".join(filter(None, words))
        return bare if article is False else f"something {bare}"
    noun = " ".join(filter(None, [*words, phrase.kind]))
    said = rng.random() < 0.5 if article is None else article
    return with_article(noun) if said else noun


def framed(text: str, rng: random.Random, *, share: float = 0.25, frames: tuple[str, ...] = FRAMES) -> str:
    """The text, now and then inside a frame; what needs an article there has been given one by the caller."""
    return rng.choice(frames).format(text) if rng.random() < share else text


def modifier(rng: random.Random) -> tuple[str, bool, tuple[str, ...]]:
    """An unverifiable modifier, whether it stands before the noun, and its group."""
    before = rng.random() < 0.5
    group = rng.choice(BEFORE if before else AFTER)
    return rng.choice(group), before, group


def modified(noun: str, word: str, *, before: bool) -> str:
    """A noun phrase without article, with the modifier in its place."""
    return f"{word} {noun}" if before else f"{noun} {word}"
