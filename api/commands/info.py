"""``veralens info``: what is in a collection."""

from __future__ import annotations

from api import console
from api.commands import options


def info(collection: options.CollectionPath = None, as_json: options.Json = False) -> None:
    """Show what is in a collection."""
    from api.schemas import CollectionDocument
    from retrieval.collection import Collection

    opened = Collection.open(options.needed_collection(options.settings_for(collection)))
    try:
        found = CollectionDocument.of(opened.info()).model_dump(exclude={"examples"})
    finally:
        opened.close()
    if as_json:
        console.document(found)
        return
    encoder = found["encoder"]
    console.fields(
        [
            ("name", found["name"]),
            ("images", f"{found['images']:,}"),
            ("generation", str(found["generation"])),
            ("encoder", f"{encoder['name']}, {encoder['dimension']} dimensions"),
            ("index", found["index"]),
            ("roots", ", ".join(found["roots"]) or "-"),
            ("size", f"{found['bytes'] / 2**20:.1f} MiB"),
        ]
    )
