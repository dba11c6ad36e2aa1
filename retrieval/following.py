"""Follower: the state that a reader shows, kept up with what writers commit and publish."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from retrieval.catalog import Catalog
from retrieval.connections import ReaderPool
from retrieval.errors import CollectionDamaged, EncoderChanged, GenerationNotReached
from retrieval.loading import describe, load_snapshot, manifest_or_none
from retrieval.pulse import Pulse
from retrieval.segments import Segments
from retrieval.snapshot import Snapshot
from retrieval.types import CollectionInfo, EncoderRecord

T = TypeVar("T")
POLL_SECONDS = 0.02


class Follower:
    """One state of a collection at a time, as ``snapshot`` and in words as ``info``. Thread-safe."""

    def __init__(self, path: Path, readers: ReaderPool, segments: Segments, name: str, encoder: EncoderRecord) -> None:
        self._path = path
        self._readers = readers
        self._segments = segments
        self._name = name
        self._encoder = encoder
        self._refreshing = threading.Lock()
        self._reloading = threading.Lock()
        self._pulse = Pulse(path)
        self._replayed = self._loaded_at = self._pulse.beat()
        self._state = self.embeddings(self._loaded)

    @property
    def snapshot(self) -> Snapshot:
        return self._state[0]

    @property
    def info(self) -> CollectionInfo:
        return self._state[1]

    def refresh(self, *, indexes: bool = True) -> bool:
        """See ``Collection.refresh``."""
        changed = self._replay()
        return self._reload() or changed if indexes else changed

    def wait_for(self, generation: int, timeout: float) -> None:
        """See ``Collection.wait_for``."""
        until = time.monotonic() + timeout
        while self.snapshot.generation < generation:
            self.refresh(indexes=False)
            left = until - time.monotonic()
            if self.snapshot.generation < generation:
                if left <= 0:
                    raise GenerationNotReached(
                        f"{self._path}: is at generation {self.snapshot.generation}, not yet at {generation}; "
                        "ask again once that has been committed"
                    )
                time.sleep(min(POLL_SECONDS, left))

    def embeddings(self, read: Callable[[Catalog], T]) -> T:
        """``read``, which reads embeddings, in one transaction; again where a compaction moved them away under it.

        Raises:
            EncoderChanged: they are another encoder's now.
        """
        while True:
            with self._readers.lend() as catalog:
                self._check_encoder(catalog)
                segments = catalog.segments()
                try:
                    return read(catalog)
                except CollectionDamaged as damage:
                    found = damage
            with self._readers.lend() as catalog:
                if catalog.segments() == segments:
                    raise found

    def close(self) -> None:
        """Close its files; a second call does nothing."""
        self._pulse.close()

    def _replay(self) -> bool:
        """Take in what was committed since the last time."""
        with self._refreshing:
            beat, before = self._pulse.beat(), self._replayed
            if (beat.catalog, beat.commits) == (before.catalog, before.commits):
                return False
            old = self.snapshot
            if beat.catalog == before.catalog:
                self._state = self.embeddings(lambda catalog: self._advanced(old, catalog))
            else:
                self._readers.renew()
                self._state = self.embeddings(self._loaded)  # put back from a copy: its log is another one
            self._replayed = beat
            return self.snapshot.generation != old.generation

    def _reload(self) -> bool:
        """Begin with a newer index if there is one."""
        with self._reloading:
            beat, before = self._pulse.beat(), self._loaded_at
            if (beat.catalog, beat.manifest) == (before.catalog, before.manifest):
                return False
            loaded, _ = self.embeddings(self._loaded)
            with self._refreshing:
                # Others may have replayed further while this was loading.
                self._state = self.embeddings(lambda catalog: self._advanced(loaded, catalog))
            self._loaded_at = beat
            return True

    def _loaded(self, catalog: Catalog) -> tuple[Snapshot, CollectionInfo]:
        """The newest state, from disk."""
        snapshot = load_snapshot(self._path, catalog, self._segments, manifest_or_none(self._path))
        return snapshot, describe(self._path, catalog, snapshot, self._name, self._encoder)

    def _advanced(self, snapshot: Snapshot, catalog: Catalog) -> tuple[Snapshot, CollectionInfo]:
        """The newest state, from an older one and the log behind it."""
        if not catalog.log_start() <= snapshot.generation <= catalog.generation():
            return self._loaded(catalog)  # the log has been shortened
        snapshot = snapshot.advanced(catalog, self._segments)
        return snapshot, describe(self._path, catalog, snapshot, self._name, self._encoder)

    def _check_encoder(self, catalog: Catalog) -> None:
        found = catalog.collection()
        if found is not None and found[1].fingerprint != self._encoder.fingerprint:
            raise EncoderChanged(
                f"{self._path}: was re-embedded by {found[1].name!r} while it was open with {self._encoder.name!r}; "
                "open it again to search with the new encoder"
            )
