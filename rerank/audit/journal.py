"""What an audit has found out so far, on disk: append-only, so that a killed one goes on where it stopped."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from rerank.audit.types import Outcome
from rerank.errors import InputError
from rerank.types import Entailment

VERSION = 1
RECORDS, THUMBNAILS = "journal.jsonl", "thumbnails.bin"
# At most so many seconds of work, and one window, are lost to a power cut; a killed process loses the window only.
SYNC_SECONDS = 2.0
_Entry = tuple[Entailment | None, str | None, tuple[int, int] | None]


class Journal:
    """The outcomes of the first ``done`` rows of a table, in its order. One process at a time; a context manager.

    Each line of ``journal.jsonl`` is a CRC-32 and a JSON array; the first one says what is audited. What a crash has
    left behind the last whole line is cut off.

    Raises:
        InputError: it is in use, or of another table, model or way of preparing pictures.
    """

    def __init__(self, directory: Path, fingerprint: str) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._records: BinaryIO = (directory / RECORDS).open("a+b")
        except OSError as error:
            raise InputError(f"{directory}: the journal cannot be written there ({error.strerror})") from None
        self.directory = directory
        self._thumbnails: BinaryIO = (directory / THUMBNAILS).open("a+b")
        self._synced = time.monotonic()
        try:
            fcntl.flock(self._records, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise InputError(
                f"{directory}: another audit is writing there; wait for it, or name another output"
            ) from None
        try:
            self.done, self.thumbnails = self._recover(fingerprint)
        except BaseException:
            self.close()
            raise
        # What a file is called must survive as well as what is in it.
        _sync_directory(directory)

    def append(self, outcomes: Sequence[Outcome], keep: Sequence[bool]) -> None:
        """Add the next rows' outcomes, each with its thumbnail where ``keep`` says so."""
        lines: list[bytes] = []
        for outcome, kept in zip(outcomes, keep, strict=True):
            place = None
            if kept and outcome.thumbnail is not None:
                place = (self._thumbnails.tell(), len(outcome.thumbnail))
                self._thumbnails.write(outcome.thumbnail)
                self.thumbnails += 1
            lines.append(_line(_values(self.done + len(lines) + 1, outcome, place)))
        self._thumbnails.flush()  # before the lines that name them
        self._records.write(b"".join(lines))
        self._records.flush()
        self.done += len(lines)
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.sync()

    def outcomes(self) -> Iterator[Outcome]:
        """Every outcome, in the order of the rows."""
        self._records.flush()
        with (self.directory / RECORDS).open("rb") as file, (self.directory / THUMBNAILS).open("rb") as pictures:
            file.readline()
            for line in file:
                verdict, problem, place = _entry(_parsed(line) or [])
                yield Outcome(verdict, problem, None if place is None else _slice(pictures, place))

    def sync(self) -> None:
        """Have everything on the disk."""
        os.fsync(self._thumbnails.fileno())
        os.fsync(self._records.fileno())
        self._synced = time.monotonic()

    def close(self) -> None:
        """Let go of it; it stays on the disk."""
        self._records.close()
        self._thumbnails.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _recover(self, fingerprint: str) -> tuple[int, int]:
        """How many rows, and thumbnails, there are; what is torn behind them is cut off."""
        self._records.seek(0)
        head = self._records.readline()
        known = _parsed(head) if head.endswith(b"\n") else None
        if known is None:
            self._cut(0, 0)
            self._records.write(_line([VERSION, fingerprint]))
            self._records.flush()
            return 0, 0
        if known != [VERSION, fingerprint]:
            raise InputError(
                f"{self.directory}: holds an unfinished audit of another table, model or way of preparing pictures; "
                "finish it as it was begun, or pass --restart to throw it away"
            )
        end, done, thumbnails, bytes_used = len(head), 0, 0, 0
        for line in self._records:
            values = _parsed(line) if line.endswith(b"\n") else None
            if values is None or values[0] != done + 1:
                break
            place = _entry(values)[2]
            if place is not None:
                if sum(place) > os.fstat(self._thumbnails.fileno()).st_size:
                    break  # a power cut may take the one file's end and leave the other's
                bytes_used, thumbnails = max(bytes_used, sum(place)), thumbnails + 1
            end, done = end + len(line), done + 1
        self._cut(end, bytes_used)
        return done, thumbnails

    def _cut(self, records: int, thumbnails: int) -> None:
        for file, size in ((self._records, records), (self._thumbnails, thumbnails)):
            file.truncate(size)
            file.seek(0, os.SEEK_END)


def remove_journal(directory: Path) -> None:
    """Remove a journal, and nothing else that may lie in its folder."""
    for name in (RECORDS, THUMBNAILS):
        (directory / name).unlink(missing_ok=True)
    shutil.rmtree(directory / "parts", ignore_errors=True)
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()


def read_thumbnail(directory: Path, number: int) -> bytes | None:
    """The thumbnail of a row, counted from 1, in a journal that may still grow; None where it has none."""
    try:
        with (directory / RECORDS).open("rb") as file, (directory / THUMBNAILS).open("rb") as pictures:
            file.readline()
            for line in file:
                values = _parsed(line)
                if values is None:
                    return None
                if values[0] == number:
                    place = _entry(values)[2]
                    return None if place is None else _slice(pictures, place)
    except FileNotFoundError:
        return None
    return None


def _values(number: int, outcome: Outcome, place: tuple[int, int] | None) -> list[object]:
    if outcome.verdict is None:
        return [number, outcome.problem or "was not judged"]
    verdict = outcome.verdict
    three = [round(one, 7) for one in (verdict.entailment, verdict.neutral, verdict.contradiction)]
    return [number, *three, *(place or ())]


def _entry(values: Sequence[object]) -> _Entry:
    match values:
        case [int(), str() as problem]:
            return None, problem, None
        case [int(), float() | int() as yes, float() | int() as maybe, float() | int() as no, *rest]:
            place = (int(str(rest[0])), int(str(rest[1]))) if len(rest) == 2 else None
            return Entailment(yes, maybe, no), None, place
    raise InputError("the journal of this audit is damaged; pass --restart to begin anew")


def _line(values: Sequence[object]) -> bytes:
    text = json.dumps(values, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _parsed(line: bytes) -> list[object] | None:
    """The values of a line; None when it is torn or damaged."""
    check, _, text = line.rstrip(b"\n").partition(b" ")
    try:
        if int(check, 16) != zlib.crc32(text):
            return None
        values = json.loads(text)
    except ValueError:
        return None
    return values if isinstance(values, list) and values else None


def _slice(file: BinaryIO, place: tuple[int, int]) -> bytes:
    file.seek(place[0])
    return file.read(place[1])


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
