"""Walking folders: which files may hold images, and what must be left alone."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from indexer.selection import EVERYTHING, Selection
from indexer.sidecar import SUFFIXES as SIDECAR_SUFFIXES
from rerank.images import SUFFIXES
from retrieval.catalog import CATALOG_FILE


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that may hold an image. Paths as ``os`` gives them: undecodable bytes are surrogates."""

    path: str
    size: int
    mtime_ns: int
    sidecars: tuple[str, ...] = ()
    sidecar_state: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was left alone, and why. Where ``unreadable``, what is known beneath it stays known."""

    path: str
    reason: str
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class MountPoint:
    """A folder where another file system begins."""

    path: str


def outermost(folders: Sequence[str]) -> list[str]:
    """``folders`` without doubles and those that lie beneath another one."""
    kept: list[str] = []
    for folder in sorted(set(folders), key=lambda one: (len(one), one)):
        if not any(is_beneath(folder, other) for other in kept):
            kept.append(folder)
    return kept


def is_beneath(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or lies in it; both absolute, links resolved."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def mount_point(path: str) -> str:
    """The mount point that ``path`` lies beneath."""
    while not os.path.ismount(path):
        path = os.path.dirname(path)  # noqa: PTH120
    return path


def scan(
    folder: str, *, roots: Sequence[str], selection: Selection = EVERYTHING
) -> Iterator[FoundFile | Skipped | MountPoint]:
    """Every image file beneath ``folder``, in the order of names, with what is in the way.

    Links to files are followed as far as ``roots``; links to folders are not: a folder inside the roots
    is found at its own place. Collections are not looked into.

    Args:
        folder: an absolute path, links resolved.
        roots: the folders that may be read from, likewise.
        selection: what of it counts.
    """
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        try:
            with os.scandir(current) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except FileNotFoundError:
            continue  # gone since its parent was read
        except OSError as error:
            yield Skipped(current, f"cannot be read ({error.strerror})", unreadable=True)
            continue
        names = {entry.name for entry in entries}
        if CATALOG_FILE in names:
            continue
        below = []
        for entry in entries:
            if not selection.shows(entry.name):
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    if selection.enters(entry.path, folder):
                        below.append(entry.path)
                        if os.path.ismount(entry.path):
                            yield MountPoint(entry.path)
                elif not selection.takes(entry.path, folder):
                    continue
                elif (found := _examine(entry, names, roots)) is not None:
                    yield found
            except FileNotFoundError:
                continue
            except OSError as error:
                yield Skipped(entry.path, f"cannot be read ({error.strerror})", unreadable=True)
        waiting += reversed(below)


def _examine(entry: os.DirEntry[str], names: set[str], roots: Sequence[str]) -> FoundFile | Skipped | None:
    named_as_image = os.path.splitext(entry.name)[1].lower() in SUFFIXES  # noqa: PTH122
    if entry.is_symlink():
        refused = _refused_link(entry, roots, named_as_image)
        if refused is not None:
            return refused
        if entry.is_dir():
            return None
    if not named_as_image:
        return None
    status = entry.stat()
    if not stat.S_ISREG(status.st_mode):
        return Skipped(entry.path, f"is {_kind(status.st_mode)}, not a file")
    sidecars, state = _sidecars(entry, names)
    return FoundFile(entry.path, status.st_size, status.st_mtime_ns, sidecars, state)


def _refused_link(entry: os.DirEntry[str], roots: Sequence[str], named_as_image: bool) -> Skipped | None:
    """Why a link is not followed; None for one that may be."""
    try:
        status = entry.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return Skipped(entry.path, "is a link that leads in a circle")
        if not named_as_image:
            return None
        dangling = error.errno in (errno.ENOENT, errno.ENOTDIR)
        return Skipped(entry.path, "is a link to nothing" if dangling else f"cannot be read ({error.strerror})")
    target = os.path.realpath(entry.path)
    is_folder = stat.S_ISDIR(status.st_mode)
    if is_folder and is_beneath(entry.path, target):
        return Skipped(entry.path, "is a link to a folder that it lies in; not followed")
    if (is_folder or named_as_image) and not any(is_beneath(target, root) for root in roots):
        return Skipped(entry.path, "is a link that leads out of the folder; index its target as a folder of its own")
    return None


def _sidecars(entry: os.DirEntry[str], names: set[str]) -> tuple[tuple[str, ...], str]:
    """The sidecars of an image, and a text that changes when one of them does."""
    stem = os.path.splitext(entry.name)[0]  # noqa: PTH122
    paths, states = [], []
    for suffix in SIDECAR_SUFFIXES:
        if stem + suffix in names:
            path = os.path.join(os.path.dirname(entry.path), stem + suffix)  # noqa: PTH118, PTH120
            status = os.stat(path, follow_symlinks=False)  # noqa: PTH116
            if stat.S_ISREG(status.st_mode):
                paths.append(path)
                states.append(f"{suffix}:{status.st_size}:{status.st_mtime_ns}")
    return tuple(paths), " ".join(states)


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a named pipe (FIFO)"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"
