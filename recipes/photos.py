"""Labelled photos for evaluation only: Tux Paint's stamps and the pictures inside GCompris' activities."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from recipes import qt_resources
from recipes.pictures import Picture, concept_of, folder_of
from recipes.rendering import Job, render_all
from recipes.sources import unpacked

STAMPS = Path("usr") / "share" / "tuxpaint" / "stamps"
RESOURCES = Path("usr") / "share" / "gcompris-qt" / "rcc"
DRAWN_STAMPS = ("symbols", "cartoon", "roadsigns", "flags", "seasonal")
# (resource file, folder inside it) of pictures whose file names are what they show
LABELLED = {
    ("lang.rcc", "lang/resource/words_sample"),
    ("erase.rcc", "erase/resource"),
    ("categorization.rcc", "categorization/resource/images"),
    ("explore_world_animals.rcc", "explore_world_animals/resource/animals"),
    ("explore_farm_animals.rcc", "explore_farm_animals/resource/animals"),
}
NUMBERS = {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}


def label_of(stem: str) -> str:
    """The words of a file name: "operaHouse2" is an opera house."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", stem)
    return concept_of(re.sub(r"[\d_]+", " ", spaced))


def stamp_caption(text_file: Path) -> str:
    """The English description: the first line of a stamp's text file, without its article and full stop."""
    if not text_file.exists():
        return ""
    line = text_file.read_text(encoding="utf-8", errors="replace").splitlines()[0].strip().rstrip(".!")
    return re.sub(r"^(an?|the|some) ", "", line, flags=re.IGNORECASE).lower()


def stamps(cache: Path) -> Iterator[tuple[str, Path]]:
    folder = unpacked(cache, "tuxpaint") / STAMPS
    for png in sorted(folder.rglob("*.png")):
        caption = stamp_caption(png.with_suffix(".txt"))
        if caption and not set(DRAWN_STAMPS) & set(png.relative_to(folder).parts):
            yield caption, png


def gcompris_files(cache: Path) -> Iterator[tuple[str, Path]]:
    """Take the labelled pictures out of the resources; their labels and where they were put."""
    resources = unpacked(cache, "gcompris") / RESOURCES
    target = unpacked(cache, "gcompris") / "pictures"
    for resource, inside in sorted(LABELLED):
        for name, content in qt_resources.files(resources / resource):
            label = label_of(Path(name).stem)
            if inside not in name or not name.endswith(".webp") or not label or set(label.split()) & NUMBERS:
                continue
            path = target / name.split("activities/")[-1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            yield label, path


def pictures(cache: Path, workers: int) -> Iterator[Picture]:
    """Render both sets; all of them are for evaluation."""
    folder = folder_of(cache)
    for source, labelled in (("tuxpaint", stamps(cache)), ("gcompris", gcompris_files(cache))):
        found = list(labelled)
        jobs = [Job(folder / source / f"{index:04d}", file=file) for index, (_, file) in enumerate(found)]
        for (label, _), job, result in zip(found, jobs, render_all(jobs, workers), strict=True):
            if not result:
                continue
            target = str(job.target.relative_to(folder))
            yield Picture(
                path=f"{target}.png",
                captions=(label,),
                concept=concept_of(label),
                source=source,
                kind="photo",
                role="evaluate",
                split="test",
                alpha=f"{target}.alpha.png" if result == "masked" else "",
            )
