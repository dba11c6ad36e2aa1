"""From the paths that the catalogue knows to files that may be read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from retrieval.catalog import Catalog


def root_folders(catalog: Catalog) -> list[Path]:
    """The folders that were indexed, links resolved: nothing outside them may be read."""
    return [Path(os.fsdecode(root.path)).resolve() for root in catalog.roots()]


def readable_files(paths: Sequence[bytes], roots: Sequence[Path]) -> Iterator[Path]:
    """Those of an image's paths that are files beneath one of ``roots``, links resolved."""
    for path in paths:
        try:
            real = Path(os.fsdecode(path)).resolve(strict=True)
            if real.is_file() and any(real.is_relative_to(root) for root in roots):
                yield real
        except (OSError, RuntimeError):
            continue  # gone, or links in a circle: perhaps another path still holds it
