"""``veralens index``: folders of pictures into a collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api import console
from api.commands import options

if TYPE_CHECKING:
    from indexer import TokenPlan

SHOWN_FAILURES = 20


def index(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Folders of pictures.")],
    collection: options.CollectionPath = None,
    models: options.Models = None,
    encoder: options.Encoder = None,
    precompute_rerank: Annotated[
        bool,
        typer.Option("--precompute-rerank", help="Keep what the reranker makes of each image: searches cost less."),
    ] = False,
    reranker: options.Reranker = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if an image could not be read.")] = False,
    as_json: options.Json = False,
) -> None:
    """Put folders of pictures into a collection.

    Adds what is new, updates what changed, follows what moved, drops what is gone. Safe to stop and run again.
    """
    from indexer import build_collection

    settings = options.settings_for(collection, models, encoder, reranker)
    path = options.needed_collection(settings)
    tokens = (settings.reranker or "auto") if precompute_rerank else None
    with console.progress("indexing") as progress:

        def announce(plan: TokenPlan) -> None:
            console.note(str(plan))
            if progress is not None:
                progress.retitle("image tokens")

        report = build_collection(
            folders, path, models=settings.encoder, progress=progress, precompute_rerank=tokens, announce=announce
        )
    found = report.to_dict()
    if as_json:
        console.document(found)
    else:
        counts = ", ".join(f"{found[name]} {name}" for name in ("added", "updated", "moved", "removed", "unchanged"))
        if tokens is not None:
            counts += f", {found['precomputed']} precomputed"
        console.print_out(f"{path}: {counts}, {len(found['failed'])} failed, in {found['seconds']:.1f} s")
        for failure in found["failed"][:SHOWN_FAILURES]:
            console.note(f"  {failure['path']}: {failure['reason']}")
        if len(found["failed"]) > SHOWN_FAILURES:
            console.note(f"  and {len(found['failed']) - SHOWN_FAILURES} more: --json lists them all")
    if strict and found["failed"]:
        raise typer.Exit(1)
