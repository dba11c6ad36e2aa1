"""Which encoding a table is in, found by reading all of it once."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass
from pathlib import Path

from rerank.errors import InputError

_CHUNK = 2**20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Bytes that Windows-1252 does not know; Latin-1 knows them all.
_NOT_1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")


@dataclass(frozen=True)
class Reading:
    """How a file is read: its encoding, the hash of its bytes, and what is to be said about it."""

    encoding: str
    digest: str
    note: str | None = None


def examine(path: Path, encoding: str | None = None) -> Reading:
    """Hash a file and find out its encoding; a given one is taken as it is.

    UTF-8 and UTF-16, with and without a byte order mark; what is no UTF-8 anywhere is Windows-1252 or Latin-1. A file
    of UTF-8 with a few bytes that are none stays UTF-8: then only the rows with such bytes are bad.

    Raises:
        InputError: the file cannot be read, or the encoding is not known.
    """
    if encoding is not None:
        try:
            codecs.lookup(encoding)
        except LookupError:
            raise InputError(f"encoding: {encoding!r} is not known; try utf-8, utf-16, cp1252 or gb18030") from None
    digest, seen = hashlib.blake2b(digest_size=16), _Seen()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                seen.add(chunk)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a CSV or JSON Lines file") from None
    found, note = (encoding, None) if encoding else seen.encoding()
    return Reading(found, digest.hexdigest(), note)


class _Seen:
    """What the bytes of a file look like."""

    def __init__(self) -> None:
        self._start = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._wide = 0
        self._bad: set[int] = set()
        self._nul_even = self._nul_odd = self._length = 0

    def add(self, chunk: bytes) -> None:
        if not self._start:
            self._start = chunk[:4]
        if b"\0" in chunk:
            shift = self._length % 2
            self._nul_even += chunk[shift::2].count(0)
            self._nul_odd += chunk[1 - shift :: 2].count(0)
        self._length += len(chunk)
        if chunk.isascii():
            return
        for character in self._decoder.decode(chunk):
            if "\udc80" <= character <= "\udcff":
                self._bad.add(ord(character) - 0xDC00)
            elif character > "\x7f":
                self._wide += 1

    def encoding(self) -> tuple[str, str | None]:
        for mark, name in _BOMS:
            if self._start.startswith(mark):
                return name, None
        # Text in UTF-16 has a NUL in every other place, unless it is Chinese throughout; a comma has one, too.
        if self._nul_odd > self._length / 20 and self._nul_even < self._nul_odd / 10:
            return "utf-16-le", "read as UTF-16 (little-endian), though it has no byte order mark"
        if self._nul_even > self._length / 20 and self._nul_odd < self._nul_even / 10:
            return "utf-16-be", "read as UTF-16 (big-endian), though it has no byte order mark"
        if not self._bad:
            return "utf-8", None
        if self._wide:
            return "utf-8", "is UTF-8 but for a few bytes: the rows that hold them are listed as failed"
        name, title = ("latin-1", "Latin-1") if self._bad & _NOT_1252 else ("cp1252", "Windows-1252 (Latin-1)")
        return name, f"is not UTF-8: read as {title}; if words look wrong, name its encoding with --encoding"
