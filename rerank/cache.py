"""A byte-bounded, thread-safe cache of image tokens, dropped least recently used first."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path

from PIL import Image
from torch import Tensor

from rerank.types import ImageSource

# As large as any reranker looks at; hashing takes under a millisecond, encoding it anew a hundred times that.
HASHED_PIXELS = 512 * 512


def image_key(source: ImageSource) -> Hashable | None:
    """What identifies an image's content cheaply: a file's path, size and time, or a hash of its bytes.

    Of decoded pictures only small plain ones have a key, as they are now: a photo's pixels cost more to hash than
    that saves, and arrays may be views of what changes.
    """
    if isinstance(source, bytes | bytearray):
        return hashlib.blake2b(source, digest_size=16).digest()
    if isinstance(source, str | os.PathLike):
        try:
            stat = Path(source).stat()
        except (OSError, ValueError):
            return None
        return os.fspath(source), stat.st_size, stat.st_mtime_ns
    if isinstance(source, Image.Image) and _small_and_plain(source):
        return source.size, hashlib.blake2b(source.tobytes(), digest_size=16).digest()
    return None


def _small_and_plain(image: Image.Image) -> bool:
    return image.mode == "RGB" and not image.info and image.width * image.height <= HASHED_PIXELS


class TokenCache:
    """Image tokens by image key, at most ``budget`` bytes of them."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._lock = threading.Lock()
        self._tokens: OrderedDict[Hashable, Tensor] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable | None) -> Tensor | None:
        """The tokens kept under ``key``, (cells, d_model)."""
        with self._lock:
            if key is None or key not in self._tokens:
                return None
            self._tokens.move_to_end(key)
            return self._tokens[key]

    def put(self, key: Hashable | None, tokens: Tensor) -> None:
        """Keep ``tokens``, making room by dropping the least recently used."""
        size = tokens.nbytes
        with self._lock:
            if key is None or key in self._tokens or size > self.budget:
                return
            # A row of a batch is a view: a copy, or it would keep the whole batch alive.
            self._tokens[key] = tokens.clone()
            self._bytes += size
            while self._bytes > self.budget:
                _, dropped = self._tokens.popitem(last=False)
                self._bytes -= dropped.nbytes

    def clear(self) -> None:
        """Forget everything, as after a change of weights."""
        with self._lock:
            self._tokens.clear()
            self._bytes = 0
