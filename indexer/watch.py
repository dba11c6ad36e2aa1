"""Following live folders: a run at the start, then one after each burst of changes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event

from watchfiles import Change, watch

from indexer.pipeline import Folder, Job, checked_folders, chosen_encoder
from indexer.precompute import Announce, TokenEncoder, load_token_encoder
from indexer.progress import Observe
from indexer.report import IndexReport
from indexer.run import RunOptions
from indexer.scan import is_beneath
from indexer.selection import Selection
from indexer.sidecar import SUFFIXES as SIDECAR_SUFFIXES
from rerank.images import SUFFIXES
from retrieval.errors import CollectionLocked
from retrieval.types import Encoder

# A burst of changes is over when nothing has happened for QUIET_MS; it is cut off after BURST_MS.
QUIET_MS = 500
BURST_MS = 10_000
# How often to look whether to stop, and whether a collection that was locked is free.
WAKE_MS = 1_000


def watch_collection(
    folders: Folder | Sequence[Folder],
    collection: Folder,
    *,
    models: str | None = None,
    encoder: Encoder | None = None,
    batch_size: int = 32,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    hidden: bool = False,
    retry_failed: bool = False,
    observe: Observe | None = None,
    precompute_rerank: str | bool | TokenEncoder | None = None,
    announce: Announce | None = None,
    stop: Event | None = None,
) -> Iterator[IndexReport]:
    """Keep a collection up to date with folders, as ``build_collection`` does once: a report for each run.

    Between runs the collection is free for other writers; one that is locked when a run is due is waited for.
    Files that could not be read are not tried again before they change.

    Args:
        stop: ends the iteration within a second once it is set; a run under way is finished first.

    Raises:
        InputError, CollectionError, ModelError: as ``build_collection``.
        OSError: the system watches no more folders.
    """
    selection = Selection(include, exclude, hidden=hidden)
    checked, directory = checked_folders(folders), Path(collection)
    with ExitStack() as loaded:
        encoder = encoder or chosen_encoder(directory, models)
        if isinstance(precompute_rerank, str | bool):
            chosen = precompute_rerank
            precompute_rerank = loaded.enter_context(load_token_encoder(chosen, encoder.name)) if chosen else None
        job = Job(
            checked,
            directory,
            RunOptions(batch_size, selection, retry_failed=retry_failed),
            encoder=encoder,
            observe=observe,
            tokens=precompute_rerank,
            announce=announce,
        )
        due = True
        for changed in _changes(checked, directory, selection, stop):
            due = due or changed
            if not due:
                continue
            try:
                report = job.run()
            except CollectionLocked:
                continue
            due = False
            # What one run found sound, or not to be read, needs no second look from this process.
            job = replace(job, options=replace(job.options, heal=False, retry_failed=False))
            yield report


def _changes(folders: Sequence[str], collection: Path, selection: Selection, stop: Event | None) -> Iterator[bool]:
    """Whether anything has changed: at the start, after each burst, and whenever it is time to wake up."""
    own = os.path.realpath(collection)

    def matters(change: Change, path: str) -> bool:
        if is_beneath(path, own) or not selection.shows(os.path.basename(path)):  # noqa: PTH119
            return False
        known = os.path.splitext(path)[1].lower() in (*SUFFIXES, *SIDECAR_SUFFIXES)  # noqa: PTH122
        # What has gone may have been a folder.
        return known or change == Change.deleted or os.path.isdir(path)  # noqa: PTH112

    # The first answer, a time-out, comes when the folders are being watched: nothing after it is missed.
    yield from (
        bool(changes)
        for changes in watch(
            *folders,
            watch_filter=matters,
            debounce=BURST_MS,
            step=QUIET_MS,
            rust_timeout=WAKE_MS,
            yield_on_timeout=True,
            stop_event=stop,
            ignore_permission_denied=True,
        )
    )
