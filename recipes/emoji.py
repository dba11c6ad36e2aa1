"""Emoji of seven vendors, named alike: one concept is one Unicode sequence, whoever drew it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.pictures import Picture, concept_of, folder_of, split_of
from recipes.rendering import Job, render_all
from recipes.sources import source, unpacked

CATEGORIES = {
    "Smileys & Emotion", "People & Body", "Animals & Nature", "Food & Drink", "Activities", "Travel & Places",
    "Objects",
}  # fmt: skip
SKIN_TONES = ("1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF")
ICONIFY = ("noto", "noto_v1", "fxemoji", "fluent_flat", "fluent_gradient", "fluent_mono")
STYLES = ("fluent_gradient", "fluent_mono")
# vendor -> path of an emoji's file below its package, from its code points
FILES = {
    "fluent_3d": "package/assets/{lower}.webp",
    "twemoji": "package/img/twitter/64/{lower}.png",
    "openmoji": "package/color/svg/{upper}.svg",
}
VENDORS = (*(name for name in ICONIFY if name not in STYLES), *FILES)


@dataclass(frozen=True)
class Emoji:
    """One Unicode sequence and its English names, the common one first."""

    codes: str
    names: tuple[str, ...]
    category: str


def squashed(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def plain_codes(codes: str) -> str:
    """Code points without the variation selector, which vendors write or leave out as they like."""
    return "-".join(part for part in codes.upper().split("-") if part != "FE0F")


def read_emoji(cache: Path) -> dict[str, Emoji]:
    """Emoji by plain code points: no flags, symbols, skin tones or gendered variants."""
    common = json.loads((unpacked(cache, "noto") / "package" / "chars.json").read_text())
    slugs = {plain_codes(codes): slug for codes, slug in common.items()}
    found = {}
    for row in json.loads((unpacked(cache, "emoji_google") / "package" / "emoji.json").read_text()):
        codes = plain_codes(row["unified"])
        gendered = row["category"] == "People & Body" and "200D" in codes
        if row["category"] not in CATEGORIES or gendered or any(tone in codes for tone in SKIN_TONES):
            continue
        candidates = [slugs.get(codes, ""), row["name"], *row["short_names"]]
        names = dict.fromkeys(concept_of(name) for name in candidates if name and not name[0].isdigit())
        found[codes] = Emoji(codes, tuple(names), row["category"])
    return found


def iconify_svgs(package: Path, emoji: dict[str, Emoji]) -> Iterator[tuple[Emoji, str]]:
    """Each emoji an Iconify package draws, as an SVG document; icons are found by code points, else by name."""
    icons = json.loads((package / "package" / "icons.json").read_text())
    slugs = json.loads((package / "package" / "chars.json").read_text())
    by_name = {squashed(name): one for one in reversed(list(emoji.values())) for name in one.names}
    by_slug = {slug: emoji[plain_codes(codes)] for codes, slug in slugs.items() if plain_codes(codes) in emoji}
    for slug, icon in icons["icons"].items():
        one = by_slug.get(slug) if slugs else by_name.get(squashed(slug))
        if one is not None:
            yield one, svg_document(icon, icons)


def svg_document(icon: dict[str, Any], icons: dict[str, Any]) -> str:
    width, height = icon.get("width", icons["width"]), icon.get("height", icons["height"])
    left, top = icon.get("left", 0), icon.get("top", 0)
    head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'{head} width="{width}" height="{height}" viewBox="{left} {top} {width} {height}">{icon["body"]}</svg>'


def file_of(package: Path, vendor: str, codes: str) -> Path | None:
    """An emoji's file in a package that names files by code points, with or without FE0F."""
    parts = codes.split("-")
    for variant in (codes, f"{codes}-FE0F", "-".join([parts[0], "FE0F", *parts[1:]])):
        path = package / FILES[vendor].format(lower=variant.lower(), upper=variant)
        if path.exists():
            return path
    return None


def jobs_of(cache: Path, vendor: str, emoji: dict[str, Emoji]) -> list[tuple[Emoji, Job]]:
    folder = folder_of(cache) / vendor
    package = unpacked(cache, vendor)
    if vendor in ICONIFY:
        drawn = {one.codes: (one, svg) for one, svg in iconify_svgs(package, emoji)}
        return [(one, Job(folder / one.codes, svg=svg)) for one, svg in drawn.values()]
    files = ((one, file_of(package, vendor, one.codes)) for one in emoji.values())
    return [(one, Job(folder / one.codes, file=file)) for one, file in files if file is not None]


def pictures(cache: Path, workers: int, vendors: Sequence[str] = VENDORS) -> Iterator[Picture]:
    """Render the emoji of several vendors."""
    emoji = read_emoji(cache)
    folder = folder_of(cache)
    for vendor in vendors:
        jobs = jobs_of(cache, vendor, emoji)
        for (one, job), result in zip(jobs, render_all([job for _, job in jobs], workers), strict=True):
            if not result:
                continue
            target = str(job.target.relative_to(folder))
            yield Picture(
                path=f"{target}.png",
                captions=one.names,
                concept=one.names[0],
                source=vendor,
                kind="emoji",
                role="evaluate" if source(vendor).role == "evaluate" else "train",
                split=split_of(one.names[0]),
                alpha=f"{target}.alpha.png" if result == "masked" else "",
            )
