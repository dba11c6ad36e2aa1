"""From the paths that the catalogue knows to files that may be read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from retrieval.catalog import Catalog


def root_folders(catalog: Catalog, directory: Path) -> list[Path]:
    """The folders that were indexed into the collection in ``directory``: nothing outside them may be read.

    Absolute, links resolved; that of uploads is the collection's own.
    """
    return [Path(directory, os.fsdecode(root.path)).resolve() for root in catalog.roots()]


def readable_files(paths: Sequence[bytes], roots: Sequence[Path], directory: Path) -> Iterator[Path]:
    """Those of an image's paths that are files beneath one of ``roots``, links resolved.

    Args:
        directory: the collection's, which the paths of uploads are relative to.
    """
    for path in paths:
        try:
            real = Path(directory, os.fsdecode(path)).resolve(strict=True)
            if real.is_file() and any(real.is_relative_to(root) for root in roots):
                yield real
        except (OSError, RuntimeError):
            continue  # gone, or links in a circle: perhaps another path still holds it
