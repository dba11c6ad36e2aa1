"""Icons of things that can be seen: names of Iconify's free sets that WordNet knows as concrete nouns.

Emoji draw a thousand concepts; icons draw three times as many more, in other styles, and that is what lets the
encoder read drawings of things it never saw. Most icons are of one colour; each of those is given one at random
(by a hash, so always the same), since its name says nothing of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recipes.emoji import svg_document
from recipes.pictures import Picture, folder_of, split_of
from recipes.rendering import Job, render_all
from recipes.sources import unpacked
from recipes.wordnet import CONCRETE, first_senses, read_nouns

SETS = (
    "icon_park", "mdi", "material_symbols", "phosphor", "tabler", "healthicons", "pinhead", "temaki", "meteocons",
    "flat_color_icons", "fluent_color", "marketeq", "lucide", "mingcute", "hugeicons", "iconoir", "fluent_ui",
)  # fmt: skip
STYLES = {
    "outline", "outlined", "filled", "fill", "rounded", "sharp", "solid", "bold", "duotone", "light", "thin", "line",
    "variant", "regular", "color", "twotone", "static", "rotation",
}  # fmt: skip
# Words of user interfaces: an icon with one of them shows a state or a symbol, not a thing.
ABSTRACT = {
    "account", "add", "alert", "alphabet", "app", "application", "arrow", "arrows", "auto", "badge", "bar", "base",
    "block", "board", "body", "bottom", "box", "brand", "building", "button", "cancel", "card", "center", "chart",
    "check", "chevron", "circle", "circuit", "clear", "close", "code", "cog", "column", "connection", "control",
    "corner", "cross", "cursor", "data", "database", "delete", "dots", "down", "download", "edit", "end", "entrance",
    "error", "exchange", "exit", "export", "face", "field", "file", "first", "folder", "format", "forward", "frame",
    "front", "gender", "grid", "ground", "group", "head", "help", "hexagon", "hole", "home", "horizontal", "id",
    "import", "in", "information", "input", "intersection", "key", "language", "layer", "layers", "left", "letter",
    "link", "list", "lock", "logic", "logo", "mark", "menu", "minus", "model", "move", "network", "next", "no",
    "node", "note", "number", "numeric", "object", "off", "on", "open", "out", "outbound", "output", "page", "panel",
    "pause", "people", "person", "pin", "plane", "play", "plus", "point", "pointer", "port", "previous", "progress",
    "question", "rectangle", "refresh", "remove", "right", "row", "save", "screen", "search", "section", "select",
    "send", "server", "setting", "settings", "shape", "share", "sign", "signal", "slash", "sort", "space", "square",
    "stack", "start", "stop", "store", "stroke", "surface", "switch", "symbol", "sync", "tab", "table", "tag", "task",
    "terminal", "text", "time", "top", "transfer", "triangle", "two", "type", "undo", "unit", "up", "update",
    "upload", "user", "users", "vertical", "view", "window", "x", "zodiac", "zoom",
}  # fmt: skip
COLOURS = (
    "#1b1b1f", "#1b1b1f", "#1b1b1f", "#55565c", "#22367a", "#c62f2f", "#2f8a3c", "#2d66d0", "#e07b1f", "#7b3fa8",
    "#7a4d2b", "#138a8a", "#d0558f", "#b8921a",
)  # fmt: skip
MOST_WORDS = 3


@dataclass(frozen=True)
class Lexicon:
    """What WordNet says of words: single words it knows, and nouns whose first meaning can be seen."""

    words: frozenset[str]
    visible: frozenset[str]

    @classmethod
    def read(cls, wordnet: Path) -> Lexicon:
        nouns = read_nouns(wordnet)
        visible = {lemma for lemma, first in first_senses(wordnet).items() if nouns[first].category in CONCRETE}
        words = {word.lower() for synset in nouns.values() for phrase in synset.words for word in phrase.split()}
        return cls(frozenset(words), frozenset(visible))

    def shows(self, words: list[str]) -> bool:
        """Whether the words name a thing: the whole phrase or its last word does, plurals included."""
        phrase, last = " ".join(words), words[-1]
        if not all(word in self.words or word.removesuffix("s") in self.words for word in words):
            return False
        return any(name in self.visible for name in (phrase, phrase.removesuffix("s"), last, last.removesuffix("s")))


def name_of(slug: str, lexicon: Lexicon) -> str:
    """The thing an icon shows, "" where its name does not say: "food-croissant-outline" is "food croissant"."""
    words = [word for word in re.findall(r"[a-z]+|\d+", slug.lower()) if word not in STYLES]
    if any(word.isdigit() for word in words):
        words = [word for word in words if not word.isdigit() or word not in ("16", "20", "24", "28", "32", "48")]
    if not words or len(words) > MOST_WORDS or ABSTRACT & set(words) or any(not word.isalpha() for word in words):
        return ""
    return " ".join(words) if len(words[-1]) > 2 and lexicon.shows(words) else ""


def coloured(document: str, name: str) -> str:
    """The document with `currentColor` set by the name's hash."""
    shade = COLOURS[hashlib.sha256(name.encode()).digest()[0] % len(COLOURS)]
    return document.replace("<svg ", f'<svg color="{shade}" ', 1)


def icons_of(package: Path, lexicon: Lexicon, source: str) -> Iterator[tuple[str, str]]:
    """(name, SVG) for each thing of one set; of several styles the first that is filled, else the first."""
    icons = json.loads((package / "package" / "icons.json").read_text())
    chosen: dict[str, str] = {}
    for slug in sorted(icons["icons"], key=lambda slug: ("fill" not in slug and "solid" not in slug, len(slug), slug)):
        name = name_of(slug, lexicon)
        if name:
            chosen.setdefault(name, slug)
    for name, slug in sorted(chosen.items()):
        yield name, coloured(svg_document(icons["icons"][slug], icons), f"{source} {name}")


def pictures(cache: Path, workers: int) -> Iterator[Picture]:
    """Render every set's things."""
    folder, lexicon = folder_of(cache), Lexicon.read(unpacked(cache, "wordnet"))
    for source in SETS:
        drawn = list(icons_of(unpacked(cache, source), lexicon, source))
        jobs = [Job(folder / source / f"{index:05d}", svg=svg) for index, (_, svg) in enumerate(drawn)]
        for (name, _), job, result in zip(drawn, jobs, render_all(jobs, workers), strict=True):
            if not result:
                continue
            target = str(job.target.relative_to(folder))
            yield Picture(
                path=f"{target}.png",
                captions=(name,),
                concept=name,
                source=source,
                kind="icon",
                role="train",
                split=split_of(name),
                alpha=f"{target}.alpha.png" if result == "masked" else "",
            )
