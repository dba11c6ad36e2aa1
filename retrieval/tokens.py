"""Image tokens that a collection keeps for rerankers, so that an image need not be encoded, or even be there, again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from retrieval.segments import Halves, Row, Segments
from retrieval.token_catalog import TokenPlace

TOKENS_DIRECTORY = "tokens"
log = logging.getLogger(__name__)


class TokenFiles:
    """The files of image tokens of one collection; a row is an image's tokens. Reading is thread-safe."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._by_width: dict[int, Segments] = {}
        self._told: set[tuple[int, int]] = set()
        self._lock = threading.Lock()

    def of_width(self, numbers: int) -> Segments:
        """The files with rows of this many numbers."""
        with self._lock:
            if numbers not in self._by_width:
                self._by_width[numbers] = Segments(self._directory, numbers, TOKENS_DIRECTORY)
            return self._by_width[numbers]

    def read(self, places: Sequence[TokenPlace]) -> dict[str, Halves]:
        """Tokens (cells, width) by image id; what is missing on disk or fails its CRC is left out and logged."""
        found: dict[str, Halves] = {}
        shapes = sorted({(place.cells, place.width) for place in places})
        for cells, width in shapes:
            several = [place for place in places if (place.cells, place.width) == (cells, width)]
            files = self.of_width(cells * width)
            values, damaged = files.checked([place.row for place in several])
            bad = {row.key for row in damaged}
            for place, one in zip(several, values, strict=True):
                if place.row.key not in bad:
                    found[place.id] = one.reshape(cells, width)
            self._tell(files, damaged)
        return found

    def close(self) -> None:
        """Close the files; a second call does nothing."""
        with self._lock:
            for files in self._by_width.values():
                files.close()

    def _tell(self, files: Segments, damaged: Sequence[Row]) -> None:
        """Log each damaged row once, those of one search together."""
        new = [row for row in damaged if (row.segment, row.row) not in self._told]
        self._told.update((row.segment, row.row) for row in new)
        if new:
            log.warning(
                "%s: %d rows of image tokens fail their checksum, the first is row %d; the pictures are used instead. "
                "Index with --precompute-rerank to make them anew",
                files.path(new[0].segment),
                len(new),
                new[0].row,
            )
