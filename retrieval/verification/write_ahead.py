"""SQLite's write-ahead log: commits in it that a damaged place cuts off from those before.

SQLite takes a frame that fails its checksum for the torn end of a log, which it nearly always is, and shows the state
before it. But a log whose torn end is followed by whole commits was whole once.

The format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.catalog import CATALOG_FILE, Catalog
from retrieval.verification.findings import Findings

WAL_FILE = f"{CATALOG_FILE}-wal"
REINDEX = "index the folders again: what is missing is taken in anew"
_HEADER, _FRAME = 32, 24
_LITTLE, _BIG = 0x377F0682, 0x377F0683
# Checked frame by frame in Python: SQLite keeps it to a few MiB unless a reader holds it for long.
MOST_BYTES = 64 * 2**20
# The end of a commit that was cut short by a power cut may be there without its beginning; two ends are not.
ENDS = 2


def verify_write_ahead(directory: Path, catalog: Catalog, findings: Findings) -> None:
    """No commit lies behind a frame that fails its checksum."""
    del catalog
    path = directory / WAL_FILE
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES)
    except FileNotFoundError:
        return
    if len(data) <= _HEADER:
        return
    lost = commits_cut_off(data)
    with path.open("rb") as file:
        if lost and file.read(_HEADER) == data[:_HEADER]:  # otherwise a writer has begun it anew meanwhile
            detail = "its first page is damaged" if lost < 0 else f"at least {lost} commits lie behind a damaged frame"
            findings.problem(WAL_FILE, "every commit can be reached", detail, REINDEX)


@dataclass(frozen=True)
class _Frame:
    ends_commit: bool
    salted: bool
    checksum: tuple[int, int]
    summed: bytes


def commits_cut_off(data: bytes) -> int:
    """How many commits of a log lie behind a damaged frame; -1 when its header is damaged."""
    magic, _, page = struct.unpack_from(">III", data)
    order = {_LITTLE: "<u4", _BIG: ">u4"}.get(magic)
    stored = struct.unpack_from(">II", data, 24)
    if order is None or _checksum(data[:24], (0, 0), order) != stored:
        return -1
    frames = list(_frames(data, page))
    before, whole = stored, True
    ends = 0
    for frame in frames:
        sound = frame.salted and _checksum(frame.summed, before, order) == frame.checksum
        if not sound:
            whole = False
        elif not whole:
            ends += frame.ends_commit
        before = frame.checksum
    return ends if ends >= ENDS else 0


def _frames(data: bytes, page: int) -> list[_Frame]:
    salts = data[16:24]
    found = []
    for start in range(_HEADER, len(data) - _FRAME - page + 1, _FRAME + page):
        size = struct.unpack_from(">I", data, start + 4)[0]
        checksum = struct.unpack_from(">II", data, start + 16)
        summed = data[start : start + 8] + data[start + _FRAME : start + _FRAME + page]
        found.append(_Frame(size > 0, data[start + 8 : start + 16] == salts, checksum, summed))
    return found


def _checksum(data: bytes, before: tuple[int, int], order: str) -> tuple[int, int]:
    """SQLite's checksum of ``data``, going on from ``before``: s0 += x0 + s1, s1 += x1 + s0, modulo 2³²."""
    first, second = before
    words = np.frombuffer(data, dtype=order).tolist()
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
