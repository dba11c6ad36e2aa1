"""OFA in the sizes that are published, with random weights: as dear to run as the real ones, made in seconds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from benchmarks.progress import say
from tests.rerank.random_models import Spec, write_model

# As OFA's paper and checkpoints have them: width, heads, layers of each side, stem.
SIZES = {"tiny": (256, 4, 4, "resnet50"), "base": (768, 12, 6, "resnet101"), "large": (1024, 16, 12, "resnet152")}
# The published vocabulary without the 8192 picture codes and 1000 coordinates that every model appends.
WORDS = 50265
VERSION = "1"


def spec(size: str) -> Spec:
    """The random model of a published size, reading 480 × 480 pixels."""
    width, heads, layers, stem = SIZES[size]
    config: dict[str, Any] = {"d_model": width, "resnet_type": stem, "vocab_size": WORDS + 8192 + 1000}
    for part in ("encoder", "decoder"):
        config |= {f"{part}_layers": layers, f"{part}_attention_heads": heads}
    return Spec(f"ofa-{size}", 1, config, {"patch_image_size": 480})


def model_directory(cache: Path, size: str) -> Path:
    """A directory below ``cache`` that both implementations can load; written when it is not there yet."""
    directory = cache / f"ofa-{size}-{VERSION}"
    if directory.is_dir():
        return directory
    say(f"writing {directory}")
    unfinished = directory.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    write_model(unfinished, spec(size))
    path = unfinished / "vocab.json"
    words = json.loads(path.read_text())
    # The reference wants as many words as the embedding has rows; these are never met.
    words |= {f"unused{number}": number for number in range(len(words), WORDS)}
    path.write_text(json.dumps(words))
    unfinished.rename(directory)
    return directory
