"""Token files rewritten without the rows of images that are gone or whose tokens were made anew."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from retrieval.catalog_writer import CatalogWriter
from retrieval.segments import Row, Segments
from retrieval.token_catalog import TokenSegment, add_token_rows, add_token_segment, token_rows
from retrieval.tokens import TOKENS_DIRECTORY


def compact_tokens(directory: Path, catalog: CatalogWriter) -> int:
    """Rewrite every token file that holds dead rows; how many of them went.

    Tokens that fail their checksum go, too: the next indexing that asks for tokens makes them anew.
    """
    query = "SELECT id, cells, width, rows, fingerprint FROM token_segment ORDER BY id"
    dropped = 0
    for *segment, fingerprint in catalog.connection.execute(query).fetchall():
        dropped += _compact(directory, catalog, TokenSegment(*segment), fingerprint)
    return dropped


def _compact(directory: Path, catalog: CatalogWriter, old: TokenSegment, fingerprint: str) -> int:
    count = "SELECT count(*) FROM rerank_tokens WHERE segment = ?"
    alive = int(catalog.connection.execute(count, (old.id,)).fetchone()[0])
    if alive == old.rows:
        return 0
    files = Segments(directory, old.cells * old.width, TOKENS_DIRECTORY)
    try:
        with catalog.transaction():
            # In the transaction, since it gives the new file its number: one that is never used again.
            new = add_token_segment(catalog, fingerprint, old.cells, old.width)
            files.path(new.id).unlink(missing_ok=True)
            rows = list(_copied(files, new.id, token_rows(catalog, old.id)))
            catalog.connection.execute("DELETE FROM rerank_tokens WHERE segment = ?", (old.id,))
            if rows:
                add_token_rows(catalog, fingerprint, new.id, rows)
            catalog.connection.execute("DELETE FROM token_segment WHERE id = ?", (old.id,))
    finally:
        files.close()
    return old.rows - len(rows)


def _copied(files: Segments, target: int, rows: Iterator[Row]) -> Iterator[Row]:
    """Copy sound rows one behind the other into a new file; where each now lies."""
    done = 0
    while block := list(islice(rows, files.block_rows)):
        values, damaged = files.checked(block)
        bad = {row.row for row in damaged}
        good = [place for place, row in enumerate(block) if row.row not in bad]
        if good:
            checksums = files.append(target, done, values[good])
            for place, checksum in zip(good, checksums, strict=True):
                yield Row(block[place].key, target, done, checksum)
                done += 1
