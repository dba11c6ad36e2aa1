"""What the folders hold against what the catalogue knows: new, changed, moved, gone."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from indexer.loader import Loaded, Unloadable, reader
from indexer.report import Failure
from indexer.scan import FoundFile, Skipped, is_beneath
from retrieval.catalog import KnownPath, display_text
from retrieval.connections import ReaderPool
from retrieval.types import FailedFile


class Comparison:
    """Counts of one run, filled in as files are found and loaded.

    Args:
        readers: the catalogue, read as committed so far.
        healed: paths whose embeddings were lost; they count as updated, not as added.
    """

    def __init__(self, readers: ReaderPool, healed: Sequence[bytes] = ()) -> None:
        self.counts = Counter(added=0, updated=0, moved=0, removed=0, unchanged=0)
        self.failures: list[FailedFile] = []
        self.not_retried = 0
        self.ignored = 0
        self._readers = readers
        self._healed = frozenset(healed)
        self._unreadable: list[str] = []
        self._copies: Counter[bytes] = Counter()
        with readers.lend() as catalog:
            self._last = catalog.last_seen()
        # One bit for each path known before the run: memory stays flat however many there are.
        self._found = bytearray(self._last // 8 + 1)

    @property
    def done(self) -> int:
        """Files that need no more work."""
        return self.counts.total() + len(self.failures) + self.ignored

    def skip(self, skipped: Skipped) -> None:
        """Note what the scan left alone."""
        self.fail(os.fsencode(skipped.path), skipped.reason)
        if skipped.unreadable:
            self._unreadable.append(skipped.path)

    def fail(self, path: bytes, reason: str) -> None:
        """Note a file that cannot be taken in."""
        self.failures.append(FailedFile(path, reason))

    def failed_before(self, file: FoundFile) -> Unloadable | None:
        """What the catalogue says of a file that could not be loaded, if it would fail again."""
        with self._readers.lend() as catalog:
            known = catalog.failed_file(os.fsencode(file.path))
        if known is None or (known.size, known.mtime_ns, known.reader) != (file.size, file.mtime_ns, reader()):
            return None
        return Unloadable(file, known.reason, gone=True, lasting=True)

    def ignore(self, path: str) -> None:
        """Note a file that holds an image which was removed, and is to stay away."""
        self.ignored += 1
        known = self._known(path)
        if known is not None:
            self._mark(known.seen, found=False)

    def may_have_changed(self, file: FoundFile) -> bool:
        """Whether a file is new or differs from what was known before the run, without opening it. Thread-safe."""
        known = self._known(file.path)
        return known is None or known.seen > self._last or not _same(known, file)

    def needs_reading(self, file: FoundFile) -> bool:
        """Whether a file may have changed; by size, time and sidecars. One that has not is counted."""
        known = self._known(file.path)
        if known is None:
            return True
        self._mark(known.seen, found=True)
        if _same(known, file):
            self.counts["unchanged"] += 1
            return False
        return True

    def unloadable(self, item: Unloadable) -> None:
        """Note a file that could not be loaded; one that certainly holds something else now is gone."""
        file = item.file
        state = (file.size, file.mtime_ns, reader()) if item.lasting else (None, None, None)
        self.failures.append(FailedFile(os.fsencode(file.path), item.reason, *state))
        known = self._known(file.path)
        if known is not None and item.gone:
            self._mark(known.seen, found=False)

    def verdict(self, item: Loaded, sidecar_state: str) -> str:
        """``added``, ``updated`` or ``unchanged``."""
        known = self._known(item.file.path)
        if known is None:
            return "updated" if os.fsencode(item.file.path) in self._healed else "added"
        same = (known.sha256, known.sidecar) == (item.content.sha256, sidecar_state)
        return "unchanged" if same else "updated"

    def entered(self, item: Loaded, verdict: str) -> None:
        """Count a file that has been committed."""
        self.counts[verdict] += 1
        if verdict == "added" and item.image is None:
            self._copies[item.content.sha256] += 1

    def gone(self, folders: Sequence[str]) -> list[KnownPath]:
        """The files beneath ``folders`` that were known and are no more; where nothing could be read, none."""
        with self._readers.lend() as catalog:
            return [
                known
                for folder in folders
                for known in catalog.paths_beneath(os.fsencode(folder))
                if known.seen <= self._last and not self._is_found(known.seen) and not self._protected(known.path)
            ]

    def lost_mounts(self, folders: Sequence[str]) -> list[tuple[str, str]]:
        """File systems that are no longer mounted: (mount point, the part of ``folders`` that is empty without it).

        What was known there is kept, since it is not gone but elsewhere.
        """
        lost = []
        with self._readers.lend() as catalog:
            for mount in map(os.fsdecode, catalog.mounts()):
                for folder in folders:
                    part = mount if is_beneath(mount, folder) else folder
                    if os.path.ismount(mount) or not is_beneath(part, mount):
                        continue
                    known = [path.seen for path in catalog.paths_beneath(os.fsencode(part)) if path.seen <= self._last]
                    if known and not any(map(self._is_found, known)):
                        lost.append((mount, part))
        self._unreadable += [part for _, part in lost]
        return lost

    def dropped(self, gone: Sequence[KnownPath]) -> None:
        """Count what is gone: moved where the same bytes have turned up elsewhere in this run, else removed."""
        for known in gone:
            if self._copies[known.sha256] > 0:
                self._copies[known.sha256] -= 1
                self.counts["added"] -= 1
                self.counts["moved"] += 1
            else:
                self.counts["removed"] += 1

    def failed(self) -> tuple[Failure, ...]:
        """What could not be taken in, as the report lists it."""
        listed = sorted(self.failures, key=lambda one: (one.path, one.reason))
        return tuple(Failure(display_text(one.path), one.reason) for one in listed)

    def _known(self, path: str) -> KnownPath | None:
        with self._readers.lend() as catalog:
            return catalog.known_path(os.fsencode(path))

    def _protected(self, path: bytes) -> bool:
        return any(is_beneath(os.fsdecode(path), folder) for folder in self._unreadable)

    def _mark(self, seen: int, *, found: bool) -> None:
        if seen <= self._last:
            bit = 1 << (seen & 7)
            self._found[seen >> 3] = self._found[seen >> 3] | bit if found else self._found[seen >> 3] & ~bit

    def _is_found(self, seen: int) -> bool:
        return bool(self._found[seen >> 3] >> (seen & 7) & 1)


def _same(known: KnownPath, file: FoundFile) -> bool:
    return (known.size, known.mtime_ns, known.sidecar) == (file.size, file.mtime_ns, file.sidecar_state)
