"""From a model's name to a directory on this machine: bundled, a path, or a ModelScope id."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

from rerank.errors import InputError, ModelUnavailable

BUNDLED = "bundled"
ADAPTER_CONFIG = "adapter_config.json"
BUNDLED_DIRECTORY = Path(__file__).parent / "bundled"
MODELSCOPE_ID = re.compile(r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")


@dataclass(frozen=True)
class KnownModel:
    """A published model that is known to load here."""

    name: str
    parameters: str
    note: str


KNOWN_MODELS = (
    KnownModel("bundled", "2 M", "in the package; drawn scenes, emoji and clip-art, simple sentences"),
    KnownModel("iic/ofa_visual-entailment_snli-ve_distilled_v2_en", "33 M", "photos, English; the `standard` preset"),
    KnownModel("iic/ofa_visual-entailment_snli-ve_large_en", "473 M", "photos, English; the `best` preset"),
)


def find_local(name: str) -> Path | None:
    """The directory of ``name`` if it is already on this machine, without any network."""
    if name == BUNDLED:
        return BUNDLED_DIRECTORY if (BUNDLED_DIRECTORY / "config.json").is_file() else None
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if not MODELSCOPE_ID.match(name):
        return None
    try:
        return Path(_snapshot_download(name, local_files_only=True))
    except Exception:  # modelscope raises many kinds for "not here": its own, OSError, ValueError
        return None


def resolve(name: str, *, download: bool = True) -> Path:
    """The local directory of a model, fetched from ModelScope when it is a ModelScope id and not here yet.

    Raises:
        InputError: ``name`` is neither ``bundled``, nor a directory, nor a ModelScope id.
        ModelUnavailable: it is not here and cannot be fetched; the message says how to get it.
    """
    found = find_local(name)
    if found is not None:
        return found
    if name == BUNDLED:
        raise ModelUnavailable(f"{BUNDLED_DIRECTORY}: the bundled model is missing; reinstall veralens")
    if not MODELSCOPE_ID.match(name) or name.startswith((".", "/", "~")):
        raise InputError(f"reranker {name!r} is neither 'bundled', nor a directory, nor a ModelScope id like org/name")
    if not download:
        raise ModelUnavailable(f"{name}: not on this machine, and downloads are off. {_remedy(name)}")
    return _download(name)


def base_and_adapter(name: str, adapter: str | PathLike[str] | None = None) -> tuple[str, str | None]:
    """The base model and the adapter that ``name``, and ``adapter`` with it, stand for.

    Raises:
        InputError: ``name`` is an adapter that does not say what its base is, or two adapters are named.
    """
    path = Path(name).expanduser()
    if not (path / ADAPTER_CONFIG).is_file():
        return name, None if adapter is None else fspath(adapter)
    if adapter is not None:
        raise InputError(f"{name} is an adapter itself; name its base model as the reranker to load {adapter}")
    from rerank.adapters import read_adapter

    base = read_adapter(path).base
    if not base:
        raise InputError(f"{path}: does not say which model it adapts; name that as the reranker and this as --adapter")
    return base, str(path)


def title_of(base: str, adapter: str | None) -> str:
    """How a model with an adapter is called."""
    return base if adapter is None else f"{base} + {Path(adapter).name or adapter}"


def _download(name: str) -> Path:
    try:
        # modelscope writes into a temporary place and renames when complete.
        return Path(_snapshot_download(name, local_files_only=False))
    except Exception as error:  # it raises many kinds: requests', its own, ValueError
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelUnavailable(f"{name}: cannot be fetched from ModelScope ({reason}). {_remedy(name)}") from error


def _snapshot_download(name: str, *, local_files_only: bool) -> str:
    # Imported here: it takes seconds, and a bundled or local model never needs it.
    from modelscope import snapshot_download

    logging.getLogger("modelscope_hub").setLevel(logging.WARNING)
    return str(snapshot_download(name, local_files_only=local_files_only))


def _remedy(name: str) -> str:
    return (
        f"On a machine with a network run `modelscope download --model {name} --local_dir DIR`, "
        "copy DIR here and name it instead; or use the bundled model."
    )
