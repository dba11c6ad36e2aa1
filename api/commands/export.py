"""``veralens export``: a model as an ONNX file with a runner that needs neither torch nor Veralens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api import console
from api.commands import options


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model directory, a ModelScope id, or bundled.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.onnx", help="Where the model goes.")],
    fp16: Annotated[bool, typer.Option("--fp16", help="Store weights in half precision.")] = False,
    as_json: options.Json = False,
) -> None:
    """Export a model to ONNX.

    Beside it come a runner (one .py), its tokenizer, and a report of how far it is from torch. Exit 1 if that is more
    than 0.001 in a probability, or 0.02 in half precision.
    """
    from rerank.errors import InputError
    from rerank.finetune.exporting import TOLERANCE
    from rerank.finetune.exporting import export as write
    from rerank.weights import base_and_adapter
    from retrieval.presets import reranker_of

    name = reranker_of(model)
    if base_and_adapter(name)[1] is not None:
        raise InputError(f"{model}: is an adapter; merge it first: veralens merge {model} -o MODEL_DIR")
    done = write(name, output, fp16=fp16)
    if as_json:
        console.document(done.to_dict())
    else:
        console.fields(
            [
                ("model", f"{done.path} ({done.bytes / 1e6:.1f} MB, weights in {done.weights})"),
                ("runner", str(done.runner)),
                ("difference", f"{done.difference:.1e} at most, from torch in fp32, on {done.pairs} pairs"),
                ("in fp16", f"{done.fp16_bytes / 1e6:.1f} MB, difference {done.fp16_difference:.1e}"),
            ]
        )
    if done.difference > TOLERANCE[done.weights]:
        console.note(f"the difference is more than {TOLERANCE[done.weights]:g}")
        raise typer.Exit(1)
