"""Which package brings FAISS: two do, and they overwrite each other's files."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from rerank.errors import InputError

PROVIDERS = ("faiss-cpu", "faiss-gpu")


def check_provider() -> None:
    """Refuse to run where both packages are installed: the last one silently won, and half of it may be missing.

    Raises:
        InputError: names both and how to get rid of one.
    """
    found = [f"{name} {installed}" for name in PROVIDERS if (installed := _version(name)) is not None]
    if len(found) > 1:
        raise InputError(
            f"{' and '.join(found)} are both installed and overwrite each other's files; run "
            "`pip uninstall -y faiss-cpu faiss-gpu`, then install Veralens again, which brings the right one"
        )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
