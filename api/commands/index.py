"""``veralens index``: folders of pictures into a collection."""

from __future__ import annotations

import json
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api import console
from api.commands import options
from api.index_progress import Bar, JsonLines

if TYPE_CHECKING:
    from indexer import IndexReport, Standing, TokenPlan

SHOWN_FAILURES = 20
COUNTS = ("added", "updated", "moved", "removed", "unchanged")
PATTERN = "as in a .gitignore, relative to each FOLDER; may be given again."


class Shown(StrEnum):
    BAR = "bar"
    JSON = "json"
    NONE = "none"


def index(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Folders of pictures.")],
    collection: options.CollectionPath = None,
    models: options.Models = None,
    encoder: options.Encoder = None,
    include: Annotated[
        list[str] | None, typer.Option("--include", metavar="PATTERN", help=f"Only files like this, {PATTERN}")
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="PATTERN", help=f"No files or folders like this, {PATTERN}"),
    ] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="Names that begin with a dot count as well.")] = False,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="Read also the files that could not be read before and have not changed."),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep following the folders until Ctrl-C; with --json, a line for each run.")
    ] = False,
    precompute_rerank: Annotated[
        bool,
        typer.Option("--precompute-rerank", help="Keep what the reranker makes of each image: searches cost less."),
    ] = False,
    reranker: options.Reranker = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if an image could not be read.")] = False,
    progress: Annotated[
        Shown, typer.Option("--progress", help="On stderr: a bar if it is a terminal, or JSON Lines.")
    ] = Shown.BAR,
    as_json: options.Json = False,
) -> None:
    """Put folders of pictures into a collection.

    Adds what is new, updates what changed, follows what moved, drops what is gone or left out by the patterns. Safe to
    stop and run again.
    """
    from indexer import build_collection, watch_collection

    settings = options.settings_for(collection, models, encoder, reranker)
    path = options.needed_collection(settings)
    selection: dict[str, Any] = {"include": include or (), "exclude": exclude or (), "hidden": hidden}
    wanted: dict[str, Any] = {"models": settings.encoder, "retry_failed": retry_failed, **selection}
    if precompute_rerank:
        wanted["precompute_rerank"] = settings.reranker or "auto"
    with closing(Screen(path, progress, as_json=as_json, tokens=precompute_rerank)) as screen:
        wanted |= {"observe": screen.observe, "announce": screen.announce}
        if watch:
            for report in watch_collection(folders, path, **wanted):
                screen.changes(report)
            return
        report = build_collection(folders, path, **wanted)
        screen.report(report)
    if strict and report.failed:
        raise typer.Exit(1)


class Screen:
    """What the command shows."""

    def __init__(self, collection: Path, shown: Shown, *, as_json: bool, tokens: bool) -> None:
        self._collection = collection
        self._shown = shown
        self._as_json = as_json
        self._tokens = tokens
        self._lines = JsonLines() if shown is Shown.JSON else None
        self._bar = Bar()
        self._failed: frozenset[tuple[str, str]] | None = None

    def observe(self, standing: Standing) -> None:
        """Show how far a run is."""
        if self._lines is not None:
            self._lines(standing)
        elif self._shown is Shown.BAR:
            self._bar(standing)

    def close(self) -> None:
        """Take the bar off the screen."""
        self._bar.clear()

    def announce(self, plan: TokenPlan) -> None:
        """Say what image tokens will take."""
        if self._lines is None:
            console.note(str(plan))
        else:
            self._lines.line("tokens", images=plan.images, bytes_per_image=plan.bytes_per_image, bytes=plan.bytes)

    def report(self, report: IndexReport) -> None:
        """What a run did."""
        self._bar.clear()
        found = report.to_dict()
        if self._lines is not None:
            self._lines.line("report", **found)
        if self._as_json:
            console.document(found)
        else:
            self._print(found)

    def changes(self, report: IndexReport) -> None:
        """What a run did, one of many: nothing is said of one that changed nothing."""
        self._bar.clear()
        found = report.to_dict()
        failed = frozenset((failure.path, failure.reason) for failure in report.failed)
        if failed == self._failed and not any(found[name] for name in COUNTS[:-1]):
            return
        self._failed = failed
        if self._lines is not None:
            self._lines.line("report", **found)
        if self._as_json:
            console.print_out(json.dumps(found, ensure_ascii=False))
        else:
            self._print(found)

    def _print(self, found: dict[str, Any]) -> None:
        counts = ", ".join(f"{found[name]} {name}" for name in COUNTS)
        if self._tokens:
            counts += f", {found['precomputed']} precomputed"
        failed = f"{len(found['failed'])} failed"
        if found["not_retried"]:
            failed += f" ({found['not_retried']} before, unchanged, not read again: --retry-failed)"
        console.print_out(f"{self._collection}: {counts}, {failed}, in {found['seconds']:.1f} s")
        if self._lines is not None:
            return
        for failure in found["failed"][:SHOWN_FAILURES]:
            console.note(f"  {failure['path']}: {failure['reason']}")
        if len(found["failed"]) > SHOWN_FAILURES:
            console.note(f"  and {len(found['failed']) - SHOWN_FAILURES} more: --json lists them all")
