"""One picture into a collection that is being searched, and one out of it: what uploading and deleting do."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.embedding import embed
from rerank.errors import ImageError
from rerank.images import DecodedImage
from retrieval.atomic import disk_errors_named
from retrieval.calibration import text_queries
from retrieval.catalog_writer import FoundPath, ImageContent
from retrieval.errors import ImageNotFound
from retrieval.opening import check_encoder
from retrieval.removal import let_in, remove_images
from retrieval.types import Encoder, EncoderRecord
from retrieval.uploads import UPLOADS_ROOT, drop_upload, is_upload, keep_upload, upload_path
from retrieval.writer import Addition, CollectionWriter


@dataclass(frozen=True)
class Upload:
    """A picture to be taken in: its file's bytes, and the same decoded for the encoder."""

    data: bytes
    decoded: DecodedImage
    caption: str | None = None
    tags: Sequence[str] = ()


@dataclass(frozen=True)
class Uploaded:
    """Where a picture is now. Searches from ``generation`` on find it; ``created`` is False if it was there already.

    ``due``: so much has changed that a new index should be published.
    """

    id: str
    path: str
    generation: int
    created: bool
    due: bool = False


def add_upload(directory: Path, encoder: Encoder, upload: Upload) -> Uploaded:
    """Take a picture into the collection in ``directory``, which keeps its file; durable when it returns.

    One that the collection has already, from wherever, stays as it is. One that was removed comes back.

    Raises:
        CollectionLocked: another process is writing; the message names it.
        CollectionError: the disk is full or failing, or the encoder is not the collection's; nothing was changed.
        ImageError: the encoder cannot take it.
    """
    picture, sha256 = upload.decoded, hashlib.sha256(upload.data).digest()
    content = ImageContent(sha256, picture.width, picture.height, picture.format, len(upload.data))
    with CollectionWriter.open(directory) as writer:
        record = EncoderRecord(encoder.name, encoder.dimension, encoder.fingerprint)
        check_encoder(directory, writer.encoder, record)
        known = writer.catalog.images([content.id]).get(content.id)
        if known is not None:
            return Uploaded(known.id, known.paths[0], writer.catalog.generation(), False)
        vector = embed(encoder, [picture.image])[0]
        if isinstance(vector, str):
            raise ImageError(vector)
        path = upload_path(content.id, picture.format)
        with disk_errors_named(directory):
            status = keep_upload(directory, path, upload.data, upload.caption, upload.tags)
        try:
            root = writer.put_root(UPLOADS_ROOT)
            let_in(writer, sha256)
            found = FoundPath(path, root, status.st_size, status.st_mtime_ns, "", upload.caption, tuple(upload.tags))
            writer.commit([Addition(content, found, vector)])
        except BaseException:
            drop_upload(directory, path)
            raise
        return Uploaded(content.id, path.decode(), writer.catalog.generation(), True, writer.publisher.due())


def delete_image(directory: Path, image_id: str) -> int:
    """Take an image out of the collection in ``directory`` for good; the generation without it.

    The file of an upload goes. One in an indexed folder stays where it is, and later runs pass over it.

    Raises:
        ImageNotFound: it is not in the collection.
        CollectionLocked: another process is writing; the message names it.
        CollectionError: the disk is full or failing; nothing was changed.
    """
    with CollectionWriter.open(directory) as writer:
        if image_id not in writer.catalog.images([image_id]):
            raise ImageNotFound(f"no image {image_id!r} in the collection; take ids from a search")
        with disk_errors_named(directory):
            for record in remove_images(writer, [image_id]):
                for path in record.paths:
                    if is_upload(path.encode()):
                        drop_upload(directory, path.encode())
        return writer.catalog.generation()


def publish_if_due(directory: Path, encoder: Encoder) -> None:
    """Write a new index once so much was uploaded or deleted that searches would compare it one by one for long.

    Raises:
        CollectionError: another process is writing, which will do it, or the disk is full.
    """
    with CollectionWriter.open(directory) as writer:
        if writer.encoder.fingerprint == encoder.fingerprint:
            writer.publish_if_due(text_queries(encoder))
