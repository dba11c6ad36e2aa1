"""The promises of uploads: each picture that the collection keeps itself is there, byte for byte."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from retrieval.catalog import Catalog
from retrieval.uploads import UPLOADS_DIRECTORY, UPLOADS_ROOT
from retrieval.verification.findings import Findings

RESTORE = "put the file back from a copy, or remove the image"


def verify_uploads(directory: Path, catalog: Catalog, findings: Findings) -> None:
    """Every uploaded picture's file: there, and with the bytes that its image is made of."""
    count = 0
    for known in catalog.paths_beneath(UPLOADS_ROOT):
        path = directory / os.fsdecode(known.path)
        try:
            with path.open("rb") as file:
                sound = hashlib.file_digest(file, "sha256").digest() == known.sha256
        except OSError as error:
            findings.problem(UPLOADS_DIRECTORY, "uploads are there", f"{path.name}: {error.strerror}", RESTORE)
            continue
        if not sound:
            findings.problem(UPLOADS_DIRECTORY, "uploads are what was sent", f"{path.name} was altered", RESTORE)
        count += 1
    if count:
        findings.looked_at("uploads", count)
