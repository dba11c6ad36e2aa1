"""API keys: made here, kept as digests, recognised in constant time.

A key is 256 random bits, so nobody can guess it from its SHA-256, and there is nothing for a slow password hash to
slow down: it would only cost every request that much time. What people think up themselves is no key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping

PREFIX = "vl_"
SCHEME = "sha256:"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
STORED = re.compile(SCHEME + r"[0-9a-f]{64}")


def new_key() -> str:
    """A key that nobody has; ``vl_`` lets secret scanners find one that got lost."""
    return PREFIX + secrets.token_urlsafe(32)


def stored(key: str) -> str:
    """What is kept of a key: ``sha256:`` and 64 hex digits."""
    return SCHEME + _digest(key).hex()


class KeyRing:
    """The keys that open the door, by name; of each only the digest is held.

    Args:
        kept: digests as ``stored`` writes them, by name.
        plain: keys themselves, which are called ``key-1``, ``key-2`` and so on.
    """

    def __init__(self, kept: Mapping[str, str] | None = None, plain: Iterable[str] = ()) -> None:
        self._digests = {name: bytes.fromhex(one.removeprefix(SCHEME)) for name, one in (kept or {}).items()}
        self._digests |= {f"key-{number}": _digest(key) for number, key in enumerate(plain, start=1)}

    def __len__(self) -> int:
        return len(self._digests)

    def name_of(self, key: str) -> str | None:
        """The name of a key; None when it opens nothing."""
        shown, found = _digest(key), None
        # Every key is compared, each in constant time, so that timing tells nothing.
        for name, digest in self._digests.items():
            if hmac.compare_digest(shown, digest):
                found = name
        return found


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
