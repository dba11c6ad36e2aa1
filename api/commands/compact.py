"""``veralens compact``: what a collection needs no more is freed."""

from __future__ import annotations

from api import console
from api.commands import options


def compact(collection: options.CollectionPath = None, as_json: options.Json = False) -> None:
    """Free what a collection needs no more: embeddings of removed images, its log's beginning, files left behind.

    Searches go on meanwhile; safe to stop and run again.
    """
    from retrieval.calibration import remembered_queries
    from retrieval.compaction import compact_collection
    from retrieval.writer import CollectionWriter

    path = options.needed_collection(options.settings_for(collection))
    with CollectionWriter.open(path) as writer, console.progress("compacting") as progress:
        done = compact_collection(writer, progress=progress, texts=remembered_queries(writer.encoder))
    if as_json:
        console.document(done.to_dict())
        return
    console.print_out(
        f"{path}: {done.bytes_before / 2**20:.1f} MiB before, {done.bytes_after / 2**20:.1f} MiB now; "
        f"{done.embeddings:,} embeddings, {done.tokens:,} token sets and {done.changes:,} log entries went"
    )
