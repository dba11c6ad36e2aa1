"""``veralens remove``: pictures out of a collection, for good."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from api import console
from api.commands import options


def remove(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="PATH-or-ID...", help="Pictures, by file or by id.")
    ] = None,
    collection: options.CollectionPath = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Let pictures that were removed be taken in again by the next `index`.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="Show what was removed.")] = False,
    as_json: options.Json = False,
) -> None:
    """Take pictures out of a collection; their files stay.

    They are found no more by the next search, and later runs of `index` pass over them, also where they are copied or
    moved to. `--undo` lets them in again.
    """
    from rerank.errors import InputError
    from retrieval.removal import ignored_images, remove_images, restore_images
    from retrieval.writer import CollectionWriter

    path = options.needed_collection(options.settings_for(collection))
    if not names and not listed:
        raise InputError("no picture is named: pass files or ids, or --list")
    with CollectionWriter.open(path) as writer:
        restored = restore_images(writer, names or []) if undo else []
        removed = [] if undo else remove_images(writer, names or [])
        ignored = ignored_images(writer.catalog)
        generation = writer.catalog.generation()
    if as_json:
        console.document(
            {
                "removed": [{"id": one.id, "paths": list(one.paths)} for one in removed],
                "restored": [asdict(one) for one in restored],
                "ignored": [asdict(one) for one in ignored],
                "generation": generation,
            }
        )
        return
    for one in removed:
        console.print_out(f"removed {one.id}  {', '.join(one.paths)}")
    for back in restored:
        console.print_out(f"restored {back.id}  {back.path}: the next `veralens index` takes it in again")
    for gone in ignored if listed else []:
        console.print_out(f"{gone.id}  {gone.path}")
