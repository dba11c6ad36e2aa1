"""Opening a collection for writing: its lock, what killed writers left, its catalogue brought up to date."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from retrieval.atomic import sweep
from retrieval.catalog import CATALOG_FILE, display_text
from retrieval.catalog_writer import CatalogWriter
from retrieval.errors import CollectionNotFound, EncoderMismatch
from retrieval.lock import WriteLock, lock_directory
from retrieval.publishing import INDEX_DIRECTORY
from retrieval.types import EncoderRecord
from retrieval.uploads import UPLOADS_DIRECTORY


def open_catalog(directory: Path, lock: WriteLock | None, undo: ExitStack) -> tuple[WriteLock, CatalogWriter]:
    """The lock and the catalogue of the collection in ``directory``, which ``undo`` gives back."""
    lock = lock or lock_directory(directory)
    undo.callback(lock.release)
    sweep(directory)
    sweep(directory / INDEX_DIRECTORY)
    sweep(directory / UPLOADS_DIRECTORY)
    catalog = CatalogWriter(directory)
    undo.callback(catalog.close)
    return lock, catalog


def remembered_encoder(directory: Path) -> EncoderRecord | None:
    """The encoder that the collection in ``directory`` remembers; None when there is no collection yet.

    For the holder of the collection's lock.
    """
    if not (directory / CATALOG_FILE).is_file():
        return None
    catalog = CatalogWriter(directory)
    try:
        found = catalog.collection()
    finally:
        catalog.close()
    return found[1] if found else None


def default_name(directory: Path) -> str:
    """What a collection in ``directory`` is called: ``photos`` for ``photos.collection``."""
    name = directory.resolve().name.removesuffix(".collection")
    return display_text(os.fsencode(name)) or "collection"


def not_found(directory: Path) -> CollectionNotFound:
    """That there is no collection, and how to make one."""
    return CollectionNotFound(f"{directory}: no collection here; make one with `veralens index FOLDER -c {directory}`")


def check_encoder(directory: Path, old: EncoderRecord, new: EncoderRecord) -> None:
    """Refuse an encoder whose embeddings do not go with those of the collection.

    Raises:
        EncoderMismatch: names both, and what can be done.
    """
    if (old.fingerprint, old.dimension) != (new.fingerprint, new.dimension):
        raise EncoderMismatch(
            f"{directory}: its embeddings come from the encoder {old.name!r} ({old.fingerprint[:8]}), not from "
            f"{new.name!r} ({new.fingerprint[:8]}); name the encoder it was built with, index into a new collection, "
            f"or change this one with `veralens reembed -c {directory} --encoder NEW`"
        )
