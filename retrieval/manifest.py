"""manifest.json: what a collection is called, its encoder, and the index files that stand for it.

It is derived from the catalogue, like the index files that it names: lost or damaged, it's written again.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from retrieval.atomic import write_atomically
from retrieval.errors import CollectionDamaged, CollectionError
from retrieval.types import EncoderRecord

MANIFEST_FILE = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class IndexFile:
    """A published index. It holds the state after change number ``generation`` of the catalogue.

    ``file`` is relative to the collection, ``crc32`` eight hex digits over its ``bytes`` bytes. ``measured`` is what
    it was found to give after it was built: the share ``recall`` of the exact ``candidates``, for which ``queries``;
    empty where it is exact by construction.
    """

    kind: str
    file: str
    bytes: int
    crc32: str
    generation: int
    images: int
    dimension: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """``indexes`` are the published indexes, newest first; the older ones stand in when the newest is damaged."""

    name: str
    encoder: EncoderRecord
    indexes: tuple[IndexFile, ...] = ()

    @property
    def generation(self) -> int:
        return self.indexes[0].generation if self.indexes else 0


def read_manifest(directory: Path) -> Manifest | None:
    """The manifest of the collection in ``directory``; None when there is none.

    Raises:
        CollectionDamaged: it fails its checksum.
        CollectionError: a newer Veralens wrote it.
    """
    path = directory / MANIFEST_FILE
    try:
        document = json.loads(path.read_bytes())
        checksum = document.pop("crc32")
        sound = checksum == _checksum(document)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise CollectionDamaged(f"{path}: cannot be read ({error}); index the folder again to restore it") from error
    if not sound:
        raise CollectionDamaged(f"{path}: fails its checksum; index the folder again to restore it")
    if document["format"] > FORMAT:
        raise CollectionError(f"{path}: has format {document['format']}, newer than {FORMAT}; update Veralens")
    indexes = tuple(IndexFile(**index) for index in document["indexes"])
    return Manifest(document["name"], EncoderRecord(**document["encoder"]), indexes)


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Replace the manifest, durably and in one step."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "name": manifest.name,
        "generation": manifest.generation,
        "encoder": asdict(manifest.encoder),
        "indexes": [asdict(index) for index in manifest.indexes],
    }
    document["crc32"] = _checksum(document)
    text = json.dumps(document, indent=2) + "\n"
    write_atomically(directory / MANIFEST_FILE, lambda file: _write_all(file, text.encode()))


def _write_all(file: Any, data: bytes) -> None:
    file.write(data)


def _checksum(document: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(document, sort_keys=True).encode()):08x}"
