"""Clip-art of the Open Clip Art Library whose titles are English names of what is drawn."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache as memoise
from pathlib import Path

from recipes.pictures import Picture, concept_of, folder_of, split_of
from recipes.rendering import Job, render_all
from recipes.sources import unpacked
from recipes.wordnet import read_nouns

BELOW = Path("usr") / "share" / "openclipart"
# Folders of things that cannot be told from a picture without reading or knowing heraldry, and of mere textures.
SKIPPED = ("signs_and_symbols", "special", "geography", "logos", "recreation/games/cards", "buttons", "unsorted/flag")
NOISE = {"icon", "clipart", "clip", "art", "image", "picture", "drawing", "outline", "bw", "svg", "openclipart", "the"}
CONNECTING = {"a", "an", "and", "of", "in", "on", "with", "for", "from", "at", "to", "by"}
# Titles that name a collection, not the drawing.
COLLECTIONS = re.compile(r"part of|clipart by|various|icon ?-?(set|theme)|theme|icons|signs|gramastar", re.IGNORECASE)
MOST_WORDS = 6
MOST_COPIES = 6


@memoise
def known_words(wordnet: Path) -> frozenset[str]:
    """Lower-case single nouns and adjectives of WordNet."""
    nouns = {word for synset in read_nouns(wordnet).values() for word in synset.words}
    index = (wordnet / "usr" / "share" / "wordnet" / "index.adj").read_text(encoding="utf-8")
    adjectives = {line.split(" ", 1)[0] for line in index.splitlines() if not line.startswith("  ")}
    return frozenset(word for word in nouns | adjectives if word.isalpha() and word.islower())


def known(word: str, words: frozenset[str]) -> bool:
    return word in words or word in CONNECTING or (word.endswith("s") and word[:-1] in words) or word.endswith("ing")


def clean(title: str, words: frozenset[str]) -> str:
    """A title as a short English name, "" where it is none."""
    title = re.sub(r"([a-z])([A-Z])", r"\1 \2", title)
    spoken = [word for word in re.findall(r"[a-z]+", title.lower()) if word not in NOISE and len(word) > 1]
    while spoken and spoken[-1] in CONNECTING:
        spoken.pop()
    matched = sum(known(word, words) for word in spoken)
    content = [word for word in spoken if word not in CONNECTING and len(word) > 2]
    if not content or len(spoken) > MOST_WORDS or matched < 0.75 * len(spoken):
        return ""
    return " ".join(spoken)


def clean_title(svg: Path, words: frozenset[str]) -> str:
    """What a drawing is called by its metadata, else by its file name if every word of that is English."""
    head = svg.read_text(encoding="utf-8", errors="replace")
    found = re.search(r"<cc:Work.*?<dc:title[^>]*>([^<]*)</dc:title>", head, re.DOTALL)
    given = html.unescape(found.group(1)) if found else ""
    title = "" if COLLECTIONS.search(given) else clean(given, words)
    if title:
        return title
    stem = re.split(r"_(?=ganson|archit|benji|jean|yves|francesco|nicu|md\b)", svg.stem)[0]
    named = clean(stem, words)
    return named if named and all(known(word, words) for word in named.split()) else ""


def titled_files(cache: Path) -> Iterator[tuple[Path, str]]:
    """Rendered clip-art files with their clean titles."""
    pngs = unpacked(cache, "openclipart") / BELOW / "png"
    svgs = unpacked(cache, "openclipart_svg") / BELOW / "svg"
    words = known_words(unpacked(cache, "wordnet"))
    for png in sorted(pngs.rglob("*.png")):
        below = png.relative_to(pngs)
        svg = svgs / below.with_suffix(".svg")
        if str(below).startswith(SKIPPED) or not svg.exists():
            continue
        title = clean_title(svg, words)
        if title:
            yield png, title


def pictures(cache: Path, workers: int) -> Iterator[Picture]:
    """Render the titled clip-art."""
    folder = folder_of(cache)
    titled = list(titled_files(cache))
    copies = Counter(title for _, title in titled)
    titled = [(png, title) for png, title in titled if copies[title] <= MOST_COPIES]
    jobs = [Job(folder / "openclipart" / f"{index:05d}", file=png) for index, (png, _) in enumerate(titled)]
    for (_, title), job, result in zip(titled, jobs, render_all(jobs, workers), strict=True):
        if not result:
            continue
        target = str(job.target.relative_to(folder))
        yield Picture(
            path=f"{target}.png",
            captions=(title,),
            concept=concept_of(title),
            source="openclipart",
            kind="clipart",
            role="train",
            split=split_of(concept_of(title)),
            alpha=f"{target}.alpha.png" if result == "masked" else "",
        )
