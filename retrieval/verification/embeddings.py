"""The promises of segment files: every row that counts is there, has its checksum, and is what it should be."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from retrieval.catalog import Catalog
from retrieval.schema import TOKENS_SINCE
from retrieval.segments import SEGMENTS_DIRECTORY, Halves, Row, Segments
from retrieval.tokens import TOKENS_DIRECTORY
from retrieval.verification.findings import HEAL, Findings

# Halves carry eleven bits: over a few hundred numbers the length moves by less than this.
LENGTH_ERROR = 2e-3
RETOKEN = "index the folders again with --precompute-rerank: they are made anew"
REEMBED = "run `veralens reembed` again: they are made anew"


def verify_segments(directory: Path, catalog: Catalog, findings: Findings) -> None:
    """Every embedding: its checksum, finite, of length 1; and every segment of the collection's encoder."""
    found = catalog.collection()
    if found is None:
        return
    dimension, fingerprint = found[1].dimension, found[1].fingerprint
    if catalog.checked:
        query = "SELECT count(*) FROM image i JOIN segment s ON s.id = i.segment WHERE s.fingerprint <> ?"
        others = int(catalog.connection.execute(query, (fingerprint,)).fetchone()[0])
        if others:
            findings.problem(SEGMENTS_DIRECTORY, "embeddings are of the collection's encoder", f"{others} not", HEAL)
    _verify_rows(Segments(directory, dimension), catalog.rows(), findings, "embeddings", HEAL, unit=True)


def verify_next_embeddings(directory: Path, catalog: Catalog, findings: Findings) -> None:
    """What an unfinished re-embedding has made so far."""
    if not catalog.checked:
        return
    found = catalog.connection.execute("SELECT dimension FROM next_encoder").fetchone()
    if found is None:
        left = int(catalog.connection.execute("SELECT count(*) FROM next_embedding").fetchone()[0])
        if left:
            findings.problem(SEGMENTS_DIRECTORY, "new embeddings have an encoder", f"{left} have none", REEMBED)
        return
    query = "SELECT image, segment, row, crc FROM next_embedding ORDER BY segment, row"
    rows = (Row(*row) for row in catalog.connection.execute(query))
    _verify_rows(Segments(directory, int(found[0])), rows, findings, "new embeddings", REEMBED, unit=True)


def verify_tokens(directory: Path, catalog: Catalog, findings: Findings) -> None:
    """Every row of image tokens: its checksum, and finite."""
    connection = catalog.connection
    if int(connection.execute("PRAGMA user_version").fetchone()[0]) < TOKENS_SINCE:
        return
    for segment, numbers in connection.execute("SELECT id, cells * width FROM token_segment ORDER BY id").fetchall():
        query = "SELECT image, segment, row, crc FROM rerank_tokens WHERE segment = ? ORDER BY row"
        rows = (Row(*row) for row in connection.execute(query, (segment,)))
        files = Segments(directory, numbers, TOKENS_DIRECTORY)
        _verify_rows(files, rows, findings, "image tokens", RETOKEN, unit=False)


def _verify_rows(
    files: Segments, rows: Iterator[Row], findings: Findings, what: str, remedy: str, *, unit: bool
) -> None:
    try:
        while block := list(islice(rows, files.block_rows)):
            halves, damaged = files.checked(block)
            for row in damaged:
                name = f"{files.directory.name}/{files.path(row.segment).name}"
                findings.problem(name, f"{what} have their checksum", f"row {row.row} has not", remedy)
            _verify_values(files, block, halves, {row.row for row in damaged}, findings, what, remedy, unit=unit)
            findings.looked_at(what, len(block))
    finally:
        files.close()


def _verify_values(
    files: Segments,
    rows: list[Row],
    halves: Halves,
    damaged: set[int],
    findings: Findings,
    what: str,
    remedy: str,
    *,
    unit: bool,
) -> None:
    """What has its checksum must also be numbers that can be used."""
    values = halves.astype(np.float32)
    good = np.isfinite(values).all(axis=1)
    if unit:
        good &= np.abs(np.linalg.norm(values, axis=1) - 1.0) <= LENGTH_ERROR
    for position in np.flatnonzero(~good):
        row = rows[int(position)]
        if row.row not in damaged:
            name = f"{files.directory.name}/{files.path(row.segment).name}"
            promise = f"{what} are finite and of length 1" if unit else f"{what} are finite"
            findings.problem(name, promise, f"row {row.row} is not", remedy)
