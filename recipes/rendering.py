"""Turning drawings and photos of any format into the index's form: RGB on white, at most 320 px, plus a mask."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

In = TypeVar("In")
Out = TypeVar("Out")

LONGEST = 320
DRAWING = 256


@dataclass(frozen=True)
class Job:
    """One picture to render: where from (a file, or SVG text) and where to (without suffix)."""

    target: Path
    file: Path | None = None
    svg: str = ""


def from_svg(svg: bytes, size: int) -> Image.Image:
    """SVG to RGBA, fitted into a square of `size`; rsvg-convert knows the gradients and masks others miss."""
    command = ["rsvg-convert", "--width", str(size), "--height", str(size), "--keep-aspect-ratio"]
    drawn = subprocess.run(command, input=svg, capture_output=True, check=True, timeout=20)
    return Image.open(io.BytesIO(drawn.stdout)).convert("RGBA")


def open_rgba(job: Job) -> Image.Image:
    if job.file is None:
        return from_svg(job.svg.encode(), DRAWING)
    if job.file.suffix == ".svg":
        return from_svg(job.file.read_bytes(), DRAWING)
    with Image.open(job.file) as image:
        image.draft("RGB", (LONGEST * 2, LONGEST * 2))
        image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
        return image.convert("RGBA")


def with_margin(image: Image.Image) -> Image.Image:
    """The visible part of a drawing on a transparent canvas, a sixteenth of its size free on each side."""
    box = image.getchannel("A").getbbox()
    if box is None:
        raise ValueError("nothing visible")
    image = image.crop(box)
    margin = max(image.size) // 16
    canvas = Image.new("RGBA", (image.width + 2 * margin, image.height + 2 * margin))
    canvas.paste(image, (margin, margin))
    return canvas


def on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def save(image: Image.Image, target: Path) -> bool:
    """Write `target`.png and, where the picture is partly transparent, `target`.alpha.png; True if it has a mask."""
    target.parent.mkdir(parents=True, exist_ok=True)
    masked = bool((np.asarray(image.getchannel("A")) < 128).any())
    if masked:
        image = with_margin(image)
        image.getchannel("A").save(f"{target}.alpha.png")
    on_white(image).save(f"{target}.png")
    return masked


def render(job: Job) -> str:
    """Render one job: "masked", "opaque", or "" for a picture that cannot be read or shows nothing."""
    try:
        return "masked" if save(open_rgba(job), job.target) else "opaque"
    except (OSError, ValueError, subprocess.SubprocessError, Image.DecompressionBombError):
        return ""


def render_all(jobs: Sequence[Job], workers: int) -> list[str]:
    """Render in parallel; results in the order of the jobs."""
    return parallel(render, jobs, workers)


def parallel(function: Callable[[In], Out], inputs: Iterable[In], workers: int) -> list[Out]:
    """Map on worker processes, keeping the order."""
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(function, inputs, chunksize=16))
