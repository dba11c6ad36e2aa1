"""``veralens info``: what is in a collection."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from api import console
from api.commands import options


def info(collection: options.CollectionPath = None, as_json: options.Json = False) -> None:
    """Show what is in a collection."""
    from api.schemas import CollectionDocument
    from retrieval.collection import Collection

    opened = Collection.open(options.needed_collection(options.settings_for(collection)))
    try:
        found = CollectionDocument.of(opened.info()).model_dump(exclude={"examples"})
        found["rerank_tokens"] = [asdict(one) for one in opened.token_sets()]
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
            *(("image tokens", _tokens(one)) for one in found["rerank_tokens"]),
        ]
    )


def _tokens(found: dict[str, Any]) -> str:
    size = f"{found['bytes'] / 2**20:.1f} MiB"
    return f"{found['images']:,} images, reranker {found['fingerprint'][:8]}, {size}"
