"""Files that nothing needs: harmless, and freed by the next writer or by compacting."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from retrieval.atomic import TEMPORARY
from retrieval.catalog import CATALOG_FILE, Catalog
from retrieval.loading import manifest_or_none
from retrieval.lock import LOCK_FILE
from retrieval.manifest import MANIFEST_FILE
from retrieval.publishing import INDEX_DIRECTORY
from retrieval.schema import TOKENS_SINCE
from retrieval.segments import SEGMENTS_DIRECTORY
from retrieval.tokens import TOKENS_DIRECTORY
from retrieval.uploads import SIDECAR_SUFFIX, UPLOADS_DIRECTORY, UPLOADS_ROOT
from retrieval.verification.findings import Findings, Leftover

OURS = {CATALOG_FILE, f"{CATALOG_FILE}-wal", f"{CATALOG_FILE}-shm", MANIFEST_FILE, LOCK_FILE}
FOLDERS = {SEGMENTS_DIRECTORY, TOKENS_DIRECTORY, INDEX_DIRECTORY, UPLOADS_DIRECTORY}


def find_leftovers(directory: Path, catalog: Catalog, findings: Findings) -> None:
    """Note what is left of killed writers, and rows of images that are gone."""
    needed, dead = _segment_bytes(catalog)
    manifest = manifest_or_none(directory)
    named = {record.file for record in manifest.indexes} if manifest else set()
    for upload in catalog.paths_beneath(UPLOADS_ROOT):
        path = PurePath(os.fsdecode(upload.path))
        named |= {str(path), str(path.with_suffix(SIDECAR_SUFFIX))}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if name in OURS | FOLDERS | named or not path.is_file():
            continue
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            continue  # a writer's
        if name in needed:
            if size > needed[name]:
                findings.leftovers.append(Leftover(name, size - needed[name], "behind the rows that count"))
            if dead[name]:
                findings.leftovers.append(Leftover(name, dead[name], "rows of images that are gone"))
        elif name.endswith(TEMPORARY):
            findings.leftovers.append(Leftover(name, size, "half written by a writer that died"))
        elif path.parent.name == UPLOADS_DIRECTORY:
            findings.leftovers.append(Leftover(name, size, "an upload that is not in the catalogue"))
        elif path.parent.name in FOLDERS:
            findings.leftovers.append(Leftover(name, size, "not named by the catalogue or the manifest"))
        else:
            findings.leftovers.append(Leftover(name, size, "not a file of the collection; compacting leaves it alone"))


def _segment_bytes(catalog: Catalog) -> tuple[dict[str, int], dict[str, int]]:
    """By segment file: the bytes that count, and those among them that no image or tokens need any more."""
    connection = catalog.connection
    new = "+ (SELECT count(*) FROM next_embedding WHERE segment = s.id)" if catalog.checked else ""
    query = (
        f"SELECT '{SEGMENTS_DIRECTORY}', id, rows, dimension * 2, "  # noqa: S608
        f"(SELECT count(*) FROM image WHERE segment = s.id) {new} FROM segment s"
    )
    found = list(connection.execute(query))
    if int(connection.execute("PRAGMA user_version").fetchone()[0]) >= TOKENS_SINCE:
        query = (
            f"SELECT '{TOKENS_DIRECTORY}', id, rows, cells * width * 2, "  # noqa: S608
            "(SELECT count(*) FROM rerank_tokens WHERE segment = s.id) FROM token_segment s"
        )
        found += connection.execute(query)
    names = [f"{folder}/{segment:08d}.fp16" for folder, segment, *_ in found]
    needed = {name: rows * size for name, (*_, rows, size, _) in zip(names, found, strict=True)}
    dead = {name: (rows - alive) * size for name, (*_, rows, size, alive) in zip(names, found, strict=True)}
    return needed, dead
