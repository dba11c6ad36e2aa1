"""Publisher: when a collection gets a new index, and what its manifest names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from retrieval.atomic import disk_errors_named
from retrieval.calibration import Texts
from retrieval.catalog import Catalog
from retrieval.index import RULE, IndexRule
from retrieval.loading import manifest_or_none
from retrieval.manifest import IndexFile, Manifest, write_manifest
from retrieval.publishing import KEPT, build_index, drop_other_indexes, sound, still_serves, write_index
from retrieval.segments import Segments
from retrieval.types import EncoderRecord

# Changes behind the newest index that call for another one: this share of the images, and at least so many.
DUE_CHANGES, DUE_SHARE = 20_000, 0.2


class Publisher:
    """Publishes the states of a collection that is open for writing."""

    def __init__(self, path: Path, catalog: Catalog) -> None:
        self._path = path
        self._catalog = catalog
        manifest = manifest_or_none(path)
        # Of the newest index; what lies behind it, readers compare one by one.
        self.generation = manifest.generation if manifest else 0

    def publish(
        self, name: str, encoder: EncoderRecord, segments: Segments, texts: Texts | None, rule: IndexRule = RULE
    ) -> None:
        """Write an index of the present state, unless the newest one still serves and is sound."""
        manifest = manifest_or_none(self._path)
        generation = self._catalog.generation()
        indexes = manifest.indexes if manifest else ()
        with disk_errors_named(self._path):
            serves = indexes and still_serves(indexes[0], self._catalog, rule) and self._usable(indexes[0], encoder)
            if not serves:
                built = build_index(self._catalog, segments, rule, texts)
                new = write_index(self._path, built, generation, encoder.dimension)
                indexes = (new, *(one for one in indexes if self._usable(one, encoder)))[:KEPT]
            wanted = Manifest(name, encoder, indexes)
            if manifest != wanted:
                write_manifest(self._path, wanted)
                drop_other_indexes(self._path, indexes)
        self.generation = generation

    def due(self) -> bool:
        """Whether readers have so much to compare one by one that a new index is worth its while."""
        behind = self._catalog.generation() - self.generation
        return behind >= max(DUE_CHANGES, DUE_SHARE * self._catalog.count())

    def drop_foreign(self) -> None:
        """Forget indexes from later than the catalogue: it was put back from a copy, and its future is another one."""
        manifest = manifest_or_none(self._path)
        if manifest is not None:
            kept = tuple(one for one in manifest.indexes if one.generation <= self._catalog.generation())
            if kept != manifest.indexes:
                write_manifest(self._path, replace(manifest, indexes=kept))

    def _usable(self, record: IndexFile, encoder: EncoderRecord) -> bool:
        """Whether an index is sound and of this encoder's embeddings."""
        fits = record.dimension == encoder.dimension and record.generation >= self._catalog.log_start()
        return fits and sound(self._path, record)
