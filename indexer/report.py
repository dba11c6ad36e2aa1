"""What an indexing run did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Failure:
    """A file or folder that could not be taken in, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class IndexReport:
    """How many files were added, updated, moved, removed or found unchanged, and which failed.

    ``images_per_second`` counts the images that were embedded; 0 when none was. ``precomputed`` images got
    image tokens of ``precompute_bytes_per_image`` each, None where no tokens were asked for. ``ignored`` files
    hold images that were removed from the collection and stay away. ``not_retried`` of those that failed could not be
    read in an earlier run, have not changed, and were not read again.
    """

    added: int
    updated: int
    moved: int
    removed: int
    unchanged: int
    failed: tuple[Failure, ...]
    seconds: float
    images_per_second: float
    precomputed: int = 0
    precompute_bytes_per_image: int | None = None
    ignored: int = 0
    not_retried: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The report as it goes into JSON."""
        return {
            "added": self.added,
            "updated": self.updated,
            "moved": self.moved,
            "removed": self.removed,
            "unchanged": self.unchanged,
            "failed": [{"path": failure.path, "reason": failure.reason} for failure in self.failed],
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 2),
            "precomputed": self.precomputed,
            "precompute_bytes_per_image": self.precompute_bytes_per_image,
            "ignored": self.ignored,
            "not_retried": self.not_retried,
        }
