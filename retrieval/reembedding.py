"""NextEmbeddings: another encoder's embeddings, made beside those that serve, then put in their place at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from retrieval.atomic import disk_errors_named
from retrieval.calibration import Texts
from retrieval.errors import CollectionError
from retrieval.segments import SEGMENTS_DIRECTORY, Row, Segments
from retrieval.types import EncoderRecord, Vectors
from retrieval.writer import CollectionWriter, unit_rows

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Unembedded:
    """An image without a new embedding."""

    key: int
    id: str
    sha256: bytes


class NextEmbeddings:
    """Embeddings by ``encoder`` for a collection that is open for writing and has another one.

    They are kept beside those that serve: stop at any time, and go on with another object of the same encoder.
    Beginning with a third encoder drops what was made for the second.
    """

    def __init__(self, writer: CollectionWriter, encoder: EncoderRecord) -> None:
        self._writer = writer
        self._catalog = writer.catalog
        self._connection = writer.catalog.connection
        self.encoder = encoder
        self._files = Segments(writer.path, encoder.dimension)
        found = self._connection.execute("SELECT fingerprint FROM next_encoder").fetchone()
        if found is None or found[0] != encoder.fingerprint:
            with self._catalog.transaction():
                self._drop()
                values = (encoder.name, encoder.dimension, encoder.fingerprint)
                self._connection.execute("INSERT INTO next_encoder VALUES (1, ?, ?, ?)", values)

    def missing(self) -> int:
        """How many images have no new embedding yet."""
        return int(self._connection.execute(f"SELECT count(*) {_MISSING}").fetchone()[0])

    def next_missing(self, after: int, limit: int) -> list[Unembedded]:
        """Images without a new embedding whose keys are above ``after``, in the order of keys."""
        query = f"SELECT key, id, sha256 {_MISSING} AND key > ? ORDER BY key LIMIT ?"
        return [Unembedded(*row) for row in self._connection.execute(query, (after, limit))]

    def forget_damaged(self) -> int:
        """Forget new embeddings that are missing on disk or fail their checksum; how many."""
        query = "SELECT image, segment, row, crc FROM next_embedding ORDER BY segment, row"
        rows = (Row(*row) for row in self._connection.execute(query))
        damaged: list[int] = []
        while block := list(islice(rows, self._files.block_rows)):
            damaged += [row.key for row in self._files.damaged(block)]
        if damaged:
            with self._catalog.transaction():
                forget = "DELETE FROM next_embedding WHERE image = ?"
                self._connection.executemany(forget, ((key,) for key in damaged))
        return len(damaged)

    def commit(self, embeddings: Sequence[tuple[int, Vectors]]) -> None:
        """Enter new embeddings (dimension,) by the keys of their images; durable when it returns.

        Raises:
            CollectionError: the disk is full or failing; nothing of the batch was entered.
        """
        if not embeddings:
            return
        with disk_errors_named(self._writer.path), self._catalog.transaction():
            fingerprint = self.encoder.fingerprint
            found = self._catalog.open_segment(fingerprint)
            segment, row = found or (self._catalog.add_segment(self.encoder), 0)
            # The vectors are durable before the row count says that they are there.
            vectors = unit_rows(np.stack([vector for _, vector in embeddings]))
            checksums = self._files.append(segment, row, vectors)
            query = "INSERT OR REPLACE INTO next_embedding (image, segment, row, crc) VALUES (?, ?, ?, ?)"
            rows = ((key, segment, row + place, checksums[place]) for place, (key, _) in enumerate(embeddings))
            self._connection.executemany(query, rows)
            self._catalog.set_segment_rows(segment, row + len(embeddings))

    def switch(self, *, drop_missing: bool = False, texts: Texts | None = None) -> int:
        """Let the new embeddings and their encoder take over, in one commit, and publish an index of them.

        Readers that have the collection open go on with the old ones, and learn of it at their next refresh.

        Args:
            drop_missing: remove images that have no new embedding; how many comes back.
            texts: gives text queries to calibrate the index with.

        Raises:
            CollectionError: images are missing and ``drop_missing`` is False; nothing was changed.
        """
        catalog = self._catalog
        with disk_errors_named(self._writer.path):
            with catalog.transaction():
                missing = [one.key for one in self.next_missing(0, -1)]
                if missing and not drop_missing:
                    raise CollectionError(
                        f"{self._writer.path}: {len(missing)} images have no embedding by {self.encoder.name!r} yet; "
                        "the old encoder goes on serving"
                    )
                catalog.forget(missing)
                catalog.remove_orphans()
                self._take_over()
            self._writer.adopt(self.encoder)
            self._drop_files()
            self._writer.publish(texts)
        return len(missing)

    def abandon(self) -> None:
        """Forget the new embeddings; the collection stays as it is."""
        with self._catalog.transaction():
            self._drop()
        self._drop_files()

    def close(self) -> None:
        """Close the files; a second call does nothing."""
        self._files.close()

    def _take_over(self) -> None:
        connection, encoder = self._connection, self.encoder
        connection.execute(
            "UPDATE image SET segment = n.segment, row = n.row, crc = n.crc FROM next_embedding n "
            "WHERE n.image = image.key"
        )
        connection.execute("DELETE FROM next_embedding")
        connection.execute("DELETE FROM next_encoder")
        values = (encoder.name, encoder.dimension, encoder.fingerprint)
        connection.execute("UPDATE collection SET encoder = ?, dimension = ?, fingerprint = ?", values)
        connection.execute("DELETE FROM segment WHERE fingerprint <> ?", (encoder.fingerprint,))
        if self._catalog.open_segment(encoder.fingerprint) is None:
            self._catalog.add_segment(encoder)
        self._catalog.begin_log_anew()

    def _drop(self) -> None:
        found = self._connection.execute("SELECT fingerprint FROM next_encoder").fetchone()
        self._connection.execute("DELETE FROM next_embedding")
        self._connection.execute("DELETE FROM next_encoder")
        if found is not None and found[0] != self._writer.encoder.fingerprint:
            self._connection.execute("DELETE FROM segment WHERE fingerprint = ?", (found[0],))

    def _drop_files(self) -> None:
        """Remove the files of segments that are gone. Readers that have one open still read it."""
        named = {f"{segment:08d}.fp16" for segment in self._catalog.segments()}
        for path in (self._writer.path / SEGMENTS_DIRECTORY).glob("*.fp16"):
            if path.name not in named:
                path.unlink(missing_ok=True)


_MISSING = (
    "FROM image WHERE NOT EXISTS (SELECT 1 FROM next_embedding n WHERE n.image = image.key) "
    "AND EXISTS (SELECT 1 FROM path WHERE path.image = image.key)"
)
