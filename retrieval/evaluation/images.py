"""From what a table calls an image, an id or a path, to the image of the collection."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from retrieval.catalog import Catalog
from retrieval.collection import Collection
from retrieval.connections import ReaderPool
from retrieval.errors import ImageNotFound
from retrieval.evaluation.captions import shown
from retrieval.files import root_folders

_ID = re.compile(r"img_[0-9a-f]{20}")


class ImageFinder:
    """Finds images of a collection by id, by path below one of ``folders``, or by the content of such a file.

    What stands in ``folders`` first is preferred; below ``roots`` a path must name one image only.
    """

    def __init__(self, catalog: Catalog, folders: Sequence[Path], roots: Sequence[Path]) -> None:
        self._catalog = catalog
        self._folders = [folder.resolve() for folder in folders]
        self._roots = [root for root in roots if root not in self._folders]
        self._found: dict[str, str | ImageNotFound] = {}

    def find(self, name: str) -> str:
        """The id of the image called ``name``.

        Raises:
            ImageNotFound: it is not in the collection, or it is not clear which one is meant.
        """
        if name not in self._found:
            try:
                self._found[name] = self._find(name)
            except ImageNotFound as error:
                self._found[name] = error
        found = self._found[name]
        if isinstance(found, ImageNotFound):
            raise found
        return found

    def _find(self, name: str) -> str:
        if _ID.fullmatch(name) and self._catalog.images([name]):
            return name
        try:
            found = self._below(name)
        except (OSError, ValueError):
            found = None  # no path at all: too long, or a circle of links
        if found is None:
            places = "" if Path(name).is_absolute() else f" (looked in {self._places()})"
            raise ImageNotFound(
                f"no image {shown(name)} in the collection{places}; index it, or name the folder with --images"
            )
        return found

    def _below(self, name: str) -> str | None:
        for folder in self._folders:
            found = self._at(folder / name)
            if found is not None:
                return found
        several = {found for root in self._roots if (found := self._at(root / name)) is not None}
        if len(several) > 1:
            raise ImageNotFound(f"{shown(name)} is another image in each of {self._places()}; write whole paths")
        return several.pop() if several else None

    def _at(self, path: Path) -> str | None:
        # The catalogue knows files by their own names in folders whose links are resolved.
        known = self._catalog.known_path(os.fsencode(path.parent.resolve() / path.name))
        if known is not None:
            return _id_of(known.sha256)
        if not path.is_file():
            return None
        # A copy of an image of the collection, or a link to one: identity is content.
        with path.open("rb") as file:
            found = _id_of(hashlib.file_digest(file, "sha256").digest())
        return found if self._catalog.images([found]) else None

    def _places(self) -> str:
        return ", ".join(str(folder) for folder in [*self._folders, *self._roots])


@contextmanager
def image_finder(collection: Collection, folders: Sequence[Path]) -> Iterator[ImageFinder]:
    """A finder whose answers are all of the same moment; paths may lie in ``folders`` or the collection's own."""
    pool = ReaderPool(collection.path)
    try:
        with pool.lend() as catalog:
            yield ImageFinder(catalog, folders, root_folders(catalog, collection.path))
    finally:
        pool.close()


def _id_of(sha256: bytes) -> str:
    return "img_" + sha256.hex()[:20]
