"""``veralens merge``: an adapter and its base as one model directory."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api import console
from api.commands import options


class Stored(StrEnum):
    keep = "keep"
    fp32 = "fp32"
    fp16 = "fp16"


def merge(
    adapter: Annotated[Path, typer.Argument(metavar="ADAPTER", help="The folder that `finetune` made.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="MODEL_DIR", help="A new folder for the model.")],
    base: Annotated[
        str | None, typer.Option(metavar="MODEL", help="The base model, if it is no longer where the adapter says.")
    ] = None,
    precision: Annotated[
        Stored, typer.Option(help="How weights are stored; keep: as in the base, what was trained in fp32.")
    ] = Stored.keep,
    as_json: options.Json = False,
) -> None:
    """Merge an adapter into its base.

    The result is a plain model directory in ModelScope's layout.
    """
    from rerank.finetune.merging import merge as write

    done = write(adapter, output, base=base, precision=precision.value)
    if as_json:
        console.document({**asdict(done), "directory": str(done.directory)})
        return
    console.fields(
        [
            ("model", str(done.directory)),
            ("base", done.base),
            ("size", f"{done.bytes / 1e6:.1f} MB"),
            ("difference", f"{done.difference:.1e} at most, from base and adapter, in a probability"),
        ]
    )
