"""``veralens verify``: whether a collection keeps every promise of its format."""

from __future__ import annotations

import typer

from api import console
from api.commands import options


def verify(collection: options.CollectionPath = None, as_json: options.Json = False) -> None:
    """Check every promise of a collection's format on disk.

    Reads only, beside searches and indexing. Exits 1 with a list if a promise is broken.
    """
    from retrieval.verification import verify_collection

    path = options.needed_collection(options.settings_for(collection))
    with console.progress("verifying") as progress:
        found = verify_collection(path, progress=progress)
    if as_json:
        console.document(found.to_dict())
    else:
        for problem in found.problems:
            console.print_out(str(problem))
        counted = ", ".join(f"{count:,} {what}" for what, count in found.checked.items())
        result = "sound" if found.sound else f"{len(found.problems)} promises broken"
        console.print_out(f"{path}: {result}, at generation {found.generation} ({counted})")
        free = sum(one.bytes for one in found.leftovers)
        if free:
            console.note(f"{free / 2**20:.1f} MiB are needed no more: `veralens compact -c {path}` frees them")
    if not found.sound:
        raise typer.Exit(1)
