"""build_collection: scan, decode, encode and commit, all at once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.precompute import Announce, TokenEncoder, TokenRun, load_token_encoder
from indexer.progress import Observe, Progress, Standing
from indexer.report import IndexReport
from indexer.run import IndexRun, RunOptions
from indexer.scan import outermost
from indexer.selection import Selection
from rerank.decoding.pool import DecoderPool
from rerank.errors import InputError
from retrieval.catalog import display_text
from retrieval.encoder import load_encoder
from retrieval.lock import LOCK_FILE, lock_directory
from retrieval.opening import remembered_encoder
from retrieval.types import Encoder, EncoderRecord
from retrieval.writer import CollectionWriter

Folder = str | os.PathLike[str]


def build_collection(
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
    decoders: DecoderPool | None = None,
    progress: Progress | None = None,
    observe: Observe | None = None,
    precompute_rerank: str | bool | TokenEncoder | None = None,
    announce: Announce | None = None,
) -> IndexReport:
    """Bring a collection up to date with folders of images, making it if there is none.

    Adds what is new, updates what changed, follows what moved, drops what is gone from ``folders``.
    Stop it at any time: what is committed stays, and the next run goes on from there.

    Args:
        folders: directories to look through, with everything beneath them.
        collection: the collection's directory.
        models: preset or encoder name; by default the one that the collection remembers, ``bundled``
            for a new one.
        encoder: a loaded encoder, instead of ``models``.
        batch_size: images embedded and committed at a time.
        include, exclude: patterns as in a ``.gitignore``, relative to each folder: of the files that one of
            ``include`` matches (all, if there is none) those that none of ``exclude`` does. What they leave out
            is not in the collection any more, if it was.
        hidden: whether files and folders count whose names begin with a dot.
        retry_failed: read also the files that an earlier run could not, and that have not changed since.
        decoders: processes that read and decode the files; by default as many as there are processors.
        progress: called with (files done, files found so far), then with (images done, images) while
            image tokens are made.
        observe: called with more than that: rate, time left, failures.
        precompute_rerank: a reranker's name, a preset's, or a loaded reranker, whose image tokens are made
            and kept for every image, so that searches need neither encode nor open it; "auto" or True for the
            reranker that matches the encoder.
        announce: called with what the image tokens will take, before the first is made.

    Raises:
        InputError: a folder is missing, not readable, or not mounted. Nothing is removed then.
        CollectionError: the collection is locked, damaged, or of another encoder.
        ModelError: the encoder cannot be had.
    """
    job = Job(
        checked_folders(folders),
        Path(collection),
        RunOptions(batch_size, Selection(include, exclude, hidden=hidden), retry_failed=retry_failed),
        models=models,
        encoder=encoder,
        decoders=decoders,
        observe=_combined(progress, observe),
        tokens=precompute_rerank,
        announce=announce,
    )
    return job.run()


@dataclass(frozen=True)
class Job:
    """What ``build_collection`` does, once or again."""

    folders: Sequence[str]
    collection: Path
    options: RunOptions
    models: str | None = None
    encoder: Encoder | None = None
    decoders: DecoderPool | None = None
    observe: Observe | None = None
    tokens: str | bool | TokenEncoder | None = None
    announce: Announce | None = None

    def run(self) -> IndexReport:
        """Bring the collection up to date."""
        start = time.monotonic()
        with _opened(self.collection, self.models, self.encoder, self.tokens) as (writer, encoder, tokens):
            with DecoderPool() if self.decoders is None else nullcontext(self.decoders) as decoders:
                run = IndexRun(
                    writer, encoder, self.folders, decoders=decoders, options=self.options, observe=self.observe
                )
                report = run.run(start)
            if tokens is None:
                return report
            made = TokenRun(writer, tokens, self.observe).run(self.announce)
        return replace(
            report,
            failed=(*report.failed, *made.failed),
            seconds=time.monotonic() - start,
            precomputed=made.precomputed,
            precompute_bytes_per_image=made.bytes_per_image,
        )


def _combined(progress: Progress | None, observe: Observe | None) -> Observe | None:
    """One observer for both."""

    def tell(standing: Standing) -> None:
        if progress is not None:
            progress(standing.done, standing.total)
        if observe is not None:
            observe(standing)

    return None if progress is None and observe is None else tell


@contextmanager
def _opened(
    directory: Path, models: str | None, encoder: Encoder | None, tokens: str | bool | TokenEncoder | None
) -> Iterator[tuple[CollectionWriter, Encoder, TokenEncoder | None]]:
    """The collection open for writing, and the models.

    The lock comes first: who must wait should not load a model to learn it. Then both models: who lacks one should
    not index a folder to learn it.
    """
    new = not directory.exists()
    with ExitStack() as opened:
        lock = lock_directory(directory)
        try:
            if encoder is None:
                encoder = chosen_encoder(directory, models)
            if isinstance(tokens, str | bool):
                tokens = opened.enter_context(load_token_encoder(tokens, encoder.name)) if tokens else None
            record = EncoderRecord(encoder.name, encoder.dimension, encoder.fingerprint)
            writer = opened.enter_context(CollectionWriter.create_or_open(directory, record, lock=lock))
        except BaseException:
            if new and os.listdir(directory) == [LOCK_FILE]:  # noqa: PTH208
                (directory / LOCK_FILE).unlink()
                directory.rmdir()
            lock.release()
            raise
        yield writer, encoder, tokens


def chosen_encoder(directory: Path, models: str | None) -> Encoder:
    """The encoder called ``models``, else the one that the collection remembers, else the bundled one."""
    remembered = remembered_encoder(directory)
    return load_encoder(models or (remembered.name if remembered else "bundled"))


def checked_folders(folders: Folder | Sequence[Folder]) -> list[str]:
    """The folders as absolute paths, links resolved, none beneath another."""
    several = [folders] if isinstance(folders, str | os.PathLike) else list(folders)
    if not several:
        raise InputError("no folder is named; name at least one folder of images")
    checked = []
    for folder in several:
        path = os.path.realpath(folder)
        try:
            os.scandir(path).close()
        except OSError as error:
            raise InputError(
                f"{display_text(os.fsencode(folder))}: cannot be read ({error.strerror}); nothing was changed. "
                "If it is on a disk that is not mounted, mount it first"
            ) from error
        checked.append(path)
    return outermost(checked)
