"""A zip of pictures from a stranger: read where it lies, never unpacked to a path that it names."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from rerank.errors import ImageError, InputError

MOST_ENTRIES = 50_000
MOST_BYTES = 4 * 2**30
MOST_PICTURE_BYTES = 64 * 2**20
# Pictures are compressed already: what shrinks to less than this share, and is not small, is a bomb.
MOST_RATIO = 200
_SMALL = 2**20
_NESTED = (".zip", ".jar", ".7z", ".rar", ".gz", ".tgz", ".bz2", ".xz", ".tar", ".zst")
_ENCRYPTED = 0x1
# What macOS and Windows put in by themselves.
_IGNORED = ("__MACOSX/", ".DS_Store", "Thumbs.db")


class PictureArchive:
    """The pictures of a zip file by the names that a table calls them. Thread-safe for reading.

    A name is that of an entry, with or without the folders that all entries share, or a file name that occurs once.

    Raises:
        InputError: it is no zip, or holds what is not taken: encrypted entries, archives, links, names that lead out of
            it, more or larger entries than allowed.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise InputError(f"images: is not a zip that can be read ({error})") from None
        try:
            entries = [entry for entry in self._zip.infolist() if not _ignored(entry)]
            _check_all(entries)
            self._names = _names(entries)
        except BaseException:
            self._zip.close()
            raise

    def __contains__(self, name: str) -> bool:
        return _plain(name) in self._names

    def read(self, name: str) -> bytes:
        """The bytes of the picture called ``name``.

        Raises:
            ImageError: there is none, or it cannot be read.
        """
        entry = self._names.get(_plain(name))
        if entry is None:
            raise ImageError("is not in the zip of images")
        try:
            with self._zip.open(entry) as file:
                data = file.read(MOST_PICTURE_BYTES + 1)  # an entry may be larger than it says
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError):
            raise ImageError("is damaged in the zip of images") from None
        if len(data) > MOST_PICTURE_BYTES:
            raise ImageError(f"has more than {MOST_PICTURE_BYTES:,} bytes")
        return data

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()


def _ignored(entry: zipfile.ZipInfo) -> bool:
    return entry.is_dir() or entry.filename.startswith(_IGNORED[0]) or entry.filename.endswith(_IGNORED[1:])


def _check_all(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MOST_ENTRIES:
        raise InputError(f"images: the zip holds {len(entries):,} files, more than {MOST_ENTRIES:,}")
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise InputError(f"images: the zip holds more than {MOST_BYTES:,} bytes when it is unpacked")
    for entry in entries:
        wrong = _wrong(entry)
        if wrong is not None:
            raise InputError(f"images: {entry.filename[:100]!r} {wrong}; leave it out")


def _wrong(entry: zipfile.ZipInfo) -> str | None:
    """Why an entry is not taken."""
    name = entry.filename.replace("\\", "/")
    if name.startswith("/") or ":" in name.split("/")[0] or ".." in name.split("/"):
        return "has a name that leads out of the zip"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "is a link or a device"
    if name.lower().endswith(_NESTED):
        return "is an archive within the archive"
    if entry.file_size > MOST_PICTURE_BYTES:
        return f"has more than {MOST_PICTURE_BYTES:,} bytes"
    if entry.file_size > _SMALL and entry.file_size > MOST_RATIO * max(1, entry.compress_size):
        return f"is compressed to less than a {MOST_RATIO}th: it is no picture"
    return None


def _names(entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Entries by each name that they may be called by; whole names win, ambiguous ones are left out."""
    whole = {_plain(entry.filename): entry for entry in entries}
    shorter: dict[str, zipfile.ZipInfo | None] = {}
    shared = _shared_folders(list(whole))
    for name, entry in whole.items():
        for short in {"/".join(PurePosixPath(name).parts[shared:]), PurePosixPath(name).name}:
            shorter[short] = entry if shorter.get(short, entry) is entry else None
    return {name: entry for name, entry in shorter.items() if entry is not None} | whole


def _shared_folders(names: list[str]) -> int:
    """How many folders all names begin with."""
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    return sum(1 for level in zip(*folders, strict=False) if len(set(level)) == 1) if folders else 0


def _plain(name: str) -> str:
    name = name.replace("\\", "/")
    while name.startswith("./"):
        name = name[2:]
    return name
