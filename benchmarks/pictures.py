"""Picture files to judge: the sample catalogue's drawings as JPEG."""

from __future__ import annotations

from pathlib import Path

from benchmarks.progress import say
from indexer.samples.catalogue import sample_catalogue
from indexer.samples.scenes import draw

SIDE = 640


def picture_files(cache: Path, count: int) -> list[Path]:
    """``count`` files of 640 pixels below ``cache``, the same on every machine; drawn when they are not there yet."""
    folder = cache / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    samples = sample_catalogue()[:count]
    files = [folder / f"{number:04}.jpg" for number in range(len(samples))]
    missing = [number for number, path in enumerate(files) if not path.is_file()]
    for done, number in enumerate(missing):
        if done % 20 == 0:
            say(f"drawing pictures: {done} of {len(missing)}")
        unfinished = files[number].with_suffix(".unfinished")
        draw(samples[number].scene, size=SIDE).save(unfinished, "JPEG", quality=90)
        unfinished.rename(files[number])
    return files
