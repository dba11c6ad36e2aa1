"""Which files and folders beneath an indexed folder count."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pathspec import GitIgnoreSpec

from rerank.errors import InputError


class Selection:
    """Patterns as in a ``.gitignore``, relative to the indexed folder.

    ``*.gif`` is any file of that name, ``raw/`` any folder with all that is in it, ``/raw/`` and ``trips/raw/``
    those at that place alone, ``**`` any number of folders. Of several the last one that matches decides, and
    ``!`` in front turns it round.

    Args:
        include: only files that one of these matches; none means all.
        exclude: of those, none that these match; excluded folders are not looked into.
        hidden: whether names that begin with a dot count.

    Raises:
        InputError: a pattern that cannot be read.
    """

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = (), *, hidden: bool = False) -> None:
        self.hidden = hidden
        self._include = _spec("include", include)
        self._exclude = _spec("exclude", exclude)

    def takes(self, path: str, folder: str) -> bool:
        """Whether a file beneath ``folder`` counts, by its path."""
        if not self._include and not self._exclude:
            return True
        relative = _relative(path, folder)
        included = self._include is None or self._include.match_file(relative)
        return included and not (self._exclude is not None and self._exclude.match_file(relative))

    def enters(self, path: str, folder: str) -> bool:
        """Whether a folder beneath ``folder`` is looked into."""
        return self._exclude is None or not self._exclude.match_file(_relative(path, folder) + "/")

    def shows(self, name: str) -> bool:
        """Whether a file or folder counts by its name alone."""
        return self.hidden or not name.startswith(".")


def _spec(option: str, patterns: Sequence[str]) -> GitIgnoreSpec | None:
    for pattern in patterns:
        try:
            GitIgnoreSpec.from_lines([pattern])
        except (ValueError, re.error):
            raise InputError(f"{option}: {pattern!r} is no pattern; write it as in a .gitignore") from None
    return GitIgnoreSpec.from_lines(patterns) if patterns else None


def _relative(path: str, folder: str) -> str:
    return path[len(folder.rstrip("/")) + 1 :]


EVERYTHING = Selection()
