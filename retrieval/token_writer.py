"""The writing half of image tokens."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from retrieval.atomic import disk_errors_named
from retrieval.segments import Halves, Row
from retrieval.token_catalog import (
    Tokenless,
    add_token_rows,
    add_token_segment,
    count_tokenless,
    forget_tokens,
    token_rows,
    token_segments,
    tokenless,
)
from retrieval.tokens import TokenFiles
from retrieval.writer import CollectionWriter


class TokenWriter:
    """Adds one reranker's image tokens, of ``shape`` (cells, width), to a collection that is open for writing.

    Tokens are in the collection when the ``commit`` that brings them has returned, whatever happens then.
    """

    def __init__(self, writer: CollectionWriter, fingerprint: str, shape: tuple[int, int]) -> None:
        self.fingerprint = fingerprint
        self.shape = shape
        self._path = writer.path
        self._catalog = writer.catalog
        self._files = TokenFiles(writer.path)

    @property
    def bytes_per_image(self) -> int:
        """What one image's tokens take on disk."""
        return 2 * self.shape[0] * self.shape[1]

    def missing(self) -> int:
        """How many images have no tokens yet."""
        return count_tokenless(self._catalog, self.fingerprint)

    def next_missing(self, after: int, limit: int) -> list[Tokenless]:
        """Images without tokens whose keys are above ``after``, in the order of keys."""
        return tokenless(self._catalog, self.fingerprint, after, limit)

    def forget_damaged(self) -> int:
        """Forget tokens that are missing on disk or fail their CRC, so that they count as missing; how many."""
        damaged: list[int] = []
        for segment in token_segments(self._catalog, self.fingerprint):
            files = self._files.of_width(segment.cells * segment.width)
            rows = token_rows(self._catalog, segment.id)
            while block := list(islice(rows, files.block_rows)):
                damaged += [row.key for row in files.damaged(block)]
        if damaged:
            with self._catalog.transaction():
                forget_tokens(self._catalog, self.fingerprint, damaged)
        return len(damaged)

    def commit(self, tokens: Sequence[tuple[int, Halves]]) -> None:
        """Enter tokens by the keys of their images; durable when it returns.

        Raises:
            CollectionError: the disk is full or failing; nothing of the batch was entered.
        """
        if not tokens:
            return
        cells, width = self.shape
        with disk_errors_named(self._path), self._catalog.transaction():
            segments = token_segments(self._catalog, self.fingerprint)
            last = segments[-1] if segments else None
            if last is None or (last.cells, last.width) != self.shape:
                last = add_token_segment(self._catalog, self.fingerprint, cells, width)
            files = self._files.of_width(cells * width)
            # The tokens are durable before the row count says that they are there.
            flat = np.stack([values.reshape(cells * width) for _, values in tokens])
            checksums = files.append(last.id, last.rows, flat)
            rows = [
                Row(key, last.id, last.rows + position, checksums[position]) for position, (key, _) in enumerate(tokens)
            ]
            add_token_rows(self._catalog, self.fingerprint, last.id, rows)

    def close(self) -> None:
        """Close the files; a second call does nothing."""
        self._files.close()
