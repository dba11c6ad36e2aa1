"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from api.settings import Settings
    from rerank import EntailmentReranker

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
CollectionPath = Annotated[
    Path | None,
    typer.Option("--collection", "-c", help="The collection's directory.  [env: VERALENS_COLLECTION]"),
]
Models = Annotated[
    str | None, typer.Option("--models", metavar="PRESET", help="Encoder and reranker by a preset: see `models`.")
]
Encoder = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="MODEL",
        help="A preset's encoder, an open_clip NAME/TAG, hf-hub:…, local-dir:…  (default: the collection's own)",
    ),
]
Reranker = Annotated[
    str | None,
    typer.Option(
        "--reranker",
        metavar="MODEL",
        help="A preset's reranker, a ModelScope id, or a directory.  (default: the one that fits the encoder)",
    ),
]
Adapter = Annotated[
    Path | None,
    typer.Option("--adapter", metavar="DIR", help="What `finetune` made for the reranker.  [env: VERALENS_ADAPTER]"),
]
Host = Annotated[str | None, typer.Option("--host", help="The address to listen on.  (default: 127.0.0.1)")]
Port = Annotated[int | None, typer.Option("--port", help="The port; 0 takes any free one.  (default: 8000)")]


def settings_for(
    collection: Path | None = None,
    models: str | None = None,
    encoder: str | None = None,
    reranker: str | None = None,
    **flags: object,
) -> Settings:
    """The settings of the environment, overridden by a command's flags."""
    from api.settings import Settings
    from rerank.hardware import keep_freed_memory

    # Every command that runs a model comes by here, and the process is ours.
    keep_freed_memory()
    return Settings.load(collection=collection, **chosen_models(models, encoder, reranker), **flags)


def chosen_models(models: str | None, encoder: str | None, reranker: str | None) -> dict[str, str | None]:
    """The settings of the encoder and the reranker: each by its own flag, or else by the preset's."""
    from retrieval.presets import preset

    if models is not None:
        encoder, reranker = encoder or preset(models).encoder, reranker or preset(models).reranker
    return {"encoder": encoder, "reranker": reranker}


def needed_collection(settings: Settings) -> Path:
    """The collection that a command works on.

    Raises:
        InputError: none is named.
    """
    from rerank.errors import InputError

    if settings.collection is None:
        raise InputError("no collection is named: pass -c DIR or set VERALENS_COLLECTION")
    return settings.collection


def loaded_reranker(settings: Settings) -> EntailmentReranker:
    """The settings' reranker for a command without a collection; an adapter alone brings its own base."""
    from rerank import EntailmentReranker
    from rerank.adapters import read_adapter
    from retrieval.presets import reranker_of

    name, adapter = settings.reranker, settings.adapter
    if name in (None, "auto"):
        name = "bundled" if adapter is None else read_adapter(adapter).base
    return EntailmentReranker.from_pretrained(
        reranker_of(str(name)), device=settings.device, precision=settings.precision, adapter=adapter
    )
