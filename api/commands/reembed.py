"""``veralens reembed``: another encoder for a collection."""

from __future__ import annotations

from typing import Annotated

import typer

from api import console
from api.commands import options

SHOWN_FAILURES = 20


def reembed(
    collection: options.CollectionPath = None,
    models: options.Models = None,
    encoder: options.Encoder = None,
    drop_unreadable: Annotated[
        bool, typer.Option("--drop-unreadable", help="Remove pictures whose files are gone, and switch all the same.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Change a collection's encoder: every picture is embedded anew, while the old encoder goes on serving.

    Safe to stop and run again. Exits 1 if pictures could not be read, which keeps the old encoder in place.
    """
    from indexer.reembed import reembed_collection
    from rerank.errors import InputError

    settings = options.settings_for(collection, models, encoder)
    path = options.needed_collection(settings)
    if settings.encoder is None:
        raise InputError("no encoder is named: pass --encoder MODEL or --models PRESET")
    with console.progress("embedding") as progress:
        report = reembed_collection(path, models=settings.encoder, drop_unreadable=drop_unreadable, progress=progress)
    if as_json:
        console.document(report.to_dict())
    else:
        now = f"{report.encoder} serves now" if report.switched else "the encoder is the same as before"
        if report.failed:
            console.note(f"{len(report.failed)} pictures could not be embedded:")
            for failure in report.failed[:SHOWN_FAILURES]:
                console.note(f"  {failure.path}: {failure.reason}")
        console.print_out(f"{path}: {report.embedded:,} pictures embedded; {now}, {report.dropped:,} dropped")
    if report.failed and not report.switched:
        raise typer.Exit(1)
